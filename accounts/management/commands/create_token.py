"""`manage.py create_token`."""

from __future__ import annotations

from accounts import people, tokens
from accounts.actor import operator
from accounts.management.verbs import VerbCommand
from accounts.models import Token


class Command(VerbCommand):
    help = "Make a token that publishes and installs for a person; it is printed once."

    def add_arguments(self, parser) -> None:
        parser.add_argument("user")
        parser.add_argument("--name", default="made by an operator")
        parser.add_argument("--read-only", action="store_true", help="install only")
        parser.add_argument("--days", type=int, help="how long it lives (30)")

    def do(self, options) -> None:
        _, secret = tokens.issue(
            operator(),
            people.find(options["user"]),
            kind=Token.Kind.GRANULAR,
            name=options["name"],
            permission=Token.Permission.READ if options["read_only"] else Token.Permission.WRITE,
            days=options["days"],
        )
        self.stdout.write(secret)
