"""`manage.py sign_versions`."""

from __future__ import annotations

from accounts.actor import operator
from accounts.management.verbs import VerbCommand
from packages import signatures


class Command(VerbCommand):
    help = "Sign the versions that have no good signature; it may be stopped and run again at any time."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--all", action="store_true", help="sign every version anew with the newest key")

    def do(self, options) -> None:
        total = 0
        for package, count in signatures.sign_listed(operator(), everything=options["all"]):
            total += count
            self.stdout.write(f"{package.name}: {count}")
        self.stdout.write(f"{total} versions signed")
