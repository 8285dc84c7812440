"""`manage.py expire_staged`."""

from __future__ import annotations

from datetime import timedelta

from accounts.actor import operator
from accounts.management.verbs import VerbCommand
from packages import staging


class Command(VerbCommand):
    help = "Remove staged versions that nobody reviewed in time; their numbers are free again. For a timer, once a day."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--days", type=int, default=staging.KEPT.days, help="leave younger ones alone (30)")

    def do(self, options) -> None:
        gone = staging.expire(operator(), older_than=timedelta(days=options["days"]))
        for each in gone:
            self.stdout.write(each)
        self.stdout.write(f"{len(gone)} staged versions removed")
