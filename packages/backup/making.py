"""Making a backup: the database first, then each tarball it names that is not there yet, last the manifest."""

from __future__ import annotations

import errno
import gzip
import shutil
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from packages import blobs, relocation
from packages.backup import keys as key_files
from packages.backup import snapshot
from packages.backup.place import BEGUN, FORGETTING, Manifest, Place, new_name
from packages.backup.snapshot import Tell
from packages.blobs.store import Store
from registry_site import spool
from registry_site.errors import Conflict, Unavailable

ROUNDS = 3  # of copying the database: a tarball that was removed meanwhile is in the next copy no more
LEVEL = 6
AGAIN_SECONDS = 5 * 60


class Removed(Exception):
    """A tarball that the copy of the database names went away while tarballs were copied."""


@dataclass
class Copied:
    """How it goes. missing: a sentence about each tarball that has no good bytes."""

    copied: int = 0
    bytes: int = 0
    there: int = 0
    named: int = 0
    named_bytes: int = 0
    missing: list[str] = field(default_factory=list)


def make(place: Place, report: Copied, tell: Tell, *, keys: bool = False) -> Manifest:
    """Back the registry up while it runs.

    report: is kept up to date. tell: hears what is copied, and how many. keys: put the secret key and the signing keys
    into it, too; whoever reads the backup then has them.
    Raises Unavailable when the place or the database does not do what it was asked; then there is no backup, but what
    was copied is not copied again. Raises Conflict when tarballs were removed all the time, and while another run
    removes old backups.
    """
    name = new_name()
    try:
        place.begin(name, BEGUN)
        if others := place.under_way(FORGETTING):
            raise Conflict(f"another run removes old backups ({others[0]}); run it again when that is done")
        return _make(place, name, report, tell, keys)
    except BaseException as error:
        with suppress(OSError):
            place.remove(name)
        if isinstance(error, OSError):
            raise Unavailable(f"the backup could not be written: {error}") from error
        raise


def _make(place: Place, name: str, report: Copied, tell: Tell, keys: bool) -> Manifest:
    for _ in range(ROUNDS):
        with spool.folder("backup") as folder:
            database = folder / "database.sqlite3"
            made_at = timezone.now()
            snapshot.take(database, tell)
            try:
                _copy_tarballs(place, name, database, report, tell)
                return _finish(place, name, database, report, made_at.isoformat(), keys)
            except Removed:
                continue
    raise Conflict("tarballs were removed while they were copied, each time; run it again")


def _copy_tarballs(place: Place, name: str, database: Path, report: Copied, tell: Tell) -> None:
    store, there, said_at = blobs.store(), place.kept(), time.monotonic()
    report.there = report.named = report.named_bytes = 0
    report.missing.clear()
    for each in snapshot.named(database):
        if time.monotonic() - said_at > AGAIN_SECONDS:  # else whoever looks for what broke off takes it for that
            place.begin(name, BEGUN)
            spool.renew(database.parent)
            said_at = time.monotonic()
        report.named, report.named_bytes = report.named + 1, report.named_bytes + each.size
        if each.key in there:
            report.there += 1
        else:
            _copy(store, place, each, report)
        tell("tarballs", 1)


def _copy(store: Store, place: Place, each: relocation.Named, report: Copied) -> None:
    with ExitStack() as stack:
        try:
            _require_length(store, each)
            path = stack.enter_context(relocation.fetched(store, each, "in the storage"))
        except OSError as error:
            if not relocation.is_named(each.key):
                raise Removed from error
            if not isinstance(error, (relocation.Damaged, FileNotFoundError)) and error.errno != errno.EIO:
                raise  # the storage does not answer, or the disk is full: that says nothing of this tarball
            report.missing.append(f"{each.name}: {error}")
            return
        place.blobs.put(each.key, path)
    report.copied, report.bytes = report.copied + 1, report.bytes + each.size


def _require_length(store: Store, each: relocation.Named) -> None:
    if (found := store.size(each.key)) != each.size:
        raise relocation.Damaged(f"it has {found} bytes in the storage, and should have {each.size}")


def _finish(place: Place, name: str, database: Path, report: Copied, made_at: str, keys: bool) -> Manifest:
    manifest = Manifest(
        name=name,
        made_at=made_at,
        registry=settings.REGISTRY_NAME,
        listed=place.keep(name, _listed(database)),
        database=place.keep(name, _packed(database)),
        keys=key_files.keep(place, name, database.parent) if keys else None,
        tarballs=report.named,
        bytes=report.named_bytes,
        missing=list(report.missing),
    )
    place.finish(manifest, database.parent)
    return manifest


def _listed(database: Path) -> Path:
    target = database.with_name("tarballs.txt.gz")
    with gzip.open(target, "wt", compresslevel=LEVEL) as lines:
        lines.writelines(f"{each.key}\n" for each in snapshot.named(database))
    return target


def _packed(database: Path) -> Path:
    packed = database.with_suffix(".sqlite3.gz")
    with database.open("rb") as plain, gzip.open(packed, "wb", compresslevel=LEVEL) as target:
        shutil.copyfileobj(plain, target, 1 << 20)
    return packed
