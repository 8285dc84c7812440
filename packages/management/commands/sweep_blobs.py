"""`manage.py sweep_blobs`."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.core.management import CommandError
from django.db import connection
from django.utils import timezone

from accounts import audit
from accounts.management.verbs import VerbCommand
from packages import blobs, relocation
from packages.blobs.store import Store
from packages.models import StagedVersion, Version

BATCH = 500
MANY = 20  # unnamed tarballs; with more, and fewer that are named, the database may be another one than the storage's
HALVES = ("*.tgz", "backup-*", "restore-*", "forget-*", "record-*", "marker-*")  # of the spool
AFTER_RESTORE = timedelta(days=14)  # in which nothing goes
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
        swept = 0
        for key in self._unnamed(options):
            swept += 1
            self.stdout.write(key)
            if not options["dry_run"]:
                blobs.discard(key)
        for path in halves(older_than=options["hours"] * 3600):
            swept += 1
            self.stdout.write(path.name)
            if not options["dry_run"]:
                _remove(path)
        store = blobs.store()
        for half in list(store.halves(time.time() - options["hours"] * 3600)):
            swept += 1
            self.stdout.write(half)
            if not options["dry_run"]:
                store.drop(half)
        self.stdout.write(f"{swept} unnamed tarballs" + (" found" if options["dry_run"] else " removed"))

    def _unnamed(self, options) -> list[str]:
        if not (options["anyway"] or options["dry_run"]) and (until := kept_until()):
            self.stdout.write(
                f"The registry was brought back from a backup, and what no version names may be of versions that come "
                f"back: it stays until {until:%Y-%m-%d}. --anyway removes it"
            )
            return []
        found = list(unnamed(older_than=options["hours"] * 3600))
        if len(found) > MANY and len(found) > relocation.count() and not (options["anyway"] or options["dry_run"]):
            raise CommandError(
                f"{len(found)} tarballs are named by no version, more than those that are: is this the right database? "
                "Nothing was removed; --anyway removes them"
            )
        return found


def kept_until() -> datetime | None:
    """Until when all tarballs stay because of a restore, None when there was none lately.

    Somebody may find that it was the wrong backup, and want the database back that was there before.
    """
    last = audit.last(audit.RESTORED)
    until = last + AFTER_RESTORE if last else None
    return until if until and until > timezone.now() else None


def halves(older_than: float) -> list[Path]:
    """What nobody writes into the spool any more: uploads, downloads, copies of a database whose process ended."""
    floor = time.time() - older_than
    found = (path for kind in HALVES for path in settings.SPOOL_DIR.glob(kind))
    return [path for path in found if _written(path) < floor]


def unnamed(older_than: float) -> Iterator[str]:
    """The keys of blobs that no version names and that were written more than `older_than` seconds ago.

    Younger ones may belong to a publish that is about to commit.
    """
    store, floor = blobs.store(), _now() - older_than
    keys = store.keys()
    while batch := list(dict.fromkeys(islice(keys, BATCH))):
        named = {
            key
            # in the order in which a blob passes from one to the other
            for rows in (StagedVersion.objects, Version.objects.filter(erased_at=None))
            for key in rows.filter(blob__in=batch).values_list("blob", flat=True)
        }
        yield from (key for key in batch if key not in named and _is_older(store, key, floor))


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # an upload that is done
        return time.time()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _now() -> float:
    # Of this host's clock and the database's the one that is behind: what a clock that is ahead takes for old is not.
    if connection.vendor != "postgresql":
        return time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        return min(time.time(), float(cursor.fetchone()[0]))


def _is_older(store: Store, key: str, floor: float) -> bool:
    try:
        return store.written(key) < floor
    except FileNotFoundError:  # somebody else removed it meanwhile
        return False
