"""`manage.py sweep_blobs`."""

from __future__ import annotations

from accounts.management.verbs import VerbCommand
from packages import blobs


class Command(VerbCommand):
    help = "Remove tarballs that no version names, left by a publish that broke off."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--hours", type=int, default=24, help="leave younger ones alone (24)")
        parser.add_argument("--dry-run", action="store_true", help="only list them")

    def do(self, options) -> None:
        swept = 0
        for key in blobs.unnamed(older_than=options["hours"] * 3600):
            swept += 1
            self.stdout.write(key)
            if not options["dry_run"]:
                blobs.discard(key)
        self.stdout.write(f"{swept} unnamed tarballs" + (" found" if options["dry_run"] else " removed"))
