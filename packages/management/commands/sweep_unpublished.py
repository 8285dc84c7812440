"""`manage.py sweep_unpublished`."""

from __future__ import annotations

from accounts.actor import operator
from accounts.management.verbs import VerbCommand
from packages import returns


class Command(VerbCommand):
    help = (
        "Remove the bytes of versions that were unpublished longer than UNPUBLISHED_DAYS ago. For a timer, once a day."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only list them")

    def do(self, options) -> None:
        if options["dry_run"]:
            gone = [str(version) for version in returns.due().select_related("package")]
        else:
            gone = returns.erase(operator())
        for each in gone:
            self.stdout.write(each)
        self.stdout.write(f"{len(gone)} unpublished versions " + ("found" if options["dry_run"] else "removed"))
