"""`manage.py create_user`."""

from __future__ import annotations

import getpass
import sys

from accounts import people
from accounts.actor import operator
from accounts.management.verbs import VerbCommand


class Command(VerbCommand):
    help = "Make an account; its e-mail address counts as verified."

    def add_arguments(self, parser) -> None:
        parser.add_argument("name")
        parser.add_argument("--email", required=True)
        parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
        parser.add_argument("--superuser", action="store_true", help="an operator: may use the admin site")

    def do(self, options) -> None:
        if options["password_stdin"]:
            password = sys.stdin.readline().rstrip("\r\n")
        elif sys.stdin.isatty():
            password = getpass.getpass("Password (empty: the person resets it by mail): ") or None
        else:
            password = None
        user = people.create(operator(), options["name"], options["email"], password, superuser=options["superuser"])
        self.stdout.write(f"created {user.username}")
