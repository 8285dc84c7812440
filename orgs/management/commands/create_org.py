"""`manage.py create_org`."""

from __future__ import annotations

from accounts import people
from accounts.actor import operator
from accounts.management.verbs import VerbCommand
from orgs import organizations


class Command(VerbCommand):
    help = "Make an org with its first owner."

    def add_arguments(self, parser) -> None:
        parser.add_argument("name")
        parser.add_argument("--owner", required=True, metavar="USER")
        parser.add_argument("--title", default="")

    def do(self, options) -> None:
        owner = people.find(options["owner"])
        org = organizations.create(operator(), options["name"], options["title"], owner=owner)
        self.stdout.write(f"created {org.name}, owned by {owner.username}")
