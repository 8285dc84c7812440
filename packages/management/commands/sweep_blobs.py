"""`manage.py sweep_blobs`."""

from __future__ import annotations

import time

from django.conf import settings
from django.core.management import CommandError

from accounts.management.verbs import VerbCommand
from packages import blobs, sweeping
from registry_site import spool

LEAST_HOURS = 1  # an upload that takes longer than this was cut by every proxy


class Command(VerbCommand):
    help = "Remove tarballs that no version names, and halves of uploads, left by what broke off."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--hours", type=int, default=24, help="leave younger ones alone (24)")
        parser.add_argument("--anyway", action="store_true", help="also when most of the storage goes")
        parser.add_argument("--dry-run", action="store_true", help="only list them")

    def do(self, options) -> None:
        if options["hours"] < LEAST_HOURS:
            raise CommandError(f"--hours is {LEAST_HOURS} or more: what is younger may belong to a publish under way")
        seconds, is_dry, store = options["hours"] * 3600, options["dry_run"], blobs.store()
        swept = 0
        for path in spool.leftovers(settings.SPOOL_DIR, seconds):
            swept += 1
            self.stdout.write(path.name)
            if not is_dry:
                spool.remove(path)
        for key in self._unnamed(seconds, anyway=options["anyway"] or is_dry):
            swept += 1
            self.stdout.write(key)
            if not is_dry:
                blobs.discard(key)
        for half in list(store.halves(time.time() - seconds)):
            swept += 1
            self.stdout.write(half)
            if not is_dry:
                store.drop(half)
        self.stdout.write(f"{swept} unnamed tarballs" + (" found" if is_dry else " removed"))

    def _unnamed(self, seconds: float, *, anyway: bool) -> list[str]:
        if anyway:
            return list(sweeping.unnamed(seconds))
        if until := sweeping.kept_until():
            self.stdout.write(
                f"The registry was brought back from a backup, and what no version names may be of versions that come "
                f"back: it stays until {until:%Y-%m-%d}. --anyway removes it"
            )
            return []
        return sweeping.removable(seconds)
