"""The way back: tarballs first, then all rows in one transaction; a restore that broke off changed no row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts import audit
from accounts.actor import operator
from accounts.models import AuditEvent, Scope, User
from packages import belonging, blobs, relocation
from packages.backup import credentials, numbers, snapshot
from packages.backup.place import Manifest, Place
from packages.backup.snapshot import Tell
from packages.blobs.store import Store
from packages.management import rows
from packages.models import Mirror, Package
from registry_site import spool
from registry_site.errors import Conflict, Unavailable

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Restored:
    """How it went. wrong: a sentence about each tarball of the backup that is not good."""

    copied: int = 0
    there: int = 0
    rows: int = 0
    tokens: int = 0
    wrong: list[str] = field(default_factory=list)
    since: numbers.Since = field(default_factory=numbers.Since)


def check(place: Place, manifest: Manifest, report: Restored, tell: Tell) -> None:
    """Read a whole backup and compare it with its manifest and its digests; nothing is changed.

    Raises Unavailable when its database is damaged; tarballs that are not good are in the report.
    """
    with _fetched(place, manifest) as database:
        for each in snapshot.named(database):
            _compare(place, each, report)
            tell("tarballs", 1)


def restore(
    place: Place,
    manifest: Manifest,
    report: Restored,
    tell: Tell,
    *,
    replace: bool = False,
    partial: bool = False,
    without_ledger: bool = False,
) -> None:
    """Bring back what a backup holds: its tarballs into the storage, its rows into the database in use.

    Nobody is signed in afterwards, all tokens are revoked, and what the ledger knows to be used stays used.
    replace: also when the registry has data, all of which is lost. partial: also when tarballs are missing.
    without_ledger: also when the ledger does not know the backup's own numbers, and so perhaps no later ones either.
    Raises Conflict when the registry has data, or tarballs or the ledger are missing, Unavailable when something cannot
    be read or written; then no row was changed, unless it says so.
    """
    _require_tables()
    if not replace:
        _require_empty()
    if manifest.missing and not partial:
        raise Conflict(
            f"when this backup was made, {len(manifest.missing)} tarballs had no good bytes, {manifest.missing[0]}; "
            "take an older one (--name), or restore without them (--partial)"
        )
    used = _used()
    with _fetched(place, manifest) as database:
        for each in snapshot.named(database):
            _bring_back(place, each, report)
            tell("tarballs", 1)
        if report.wrong and not partial:
            raise Unavailable(
                f"{len(report.wrong)} tarballs of the backup are not good, {report.wrong[0]}; no row was changed"
            )
        try:
            with snapshot.opened(database) as alias:
                if not without_ledger:
                    _require_known(alias, used)
                _secure(alias, manifest.name, used, report)
                copied = rows.copy(tell, source=alias, target=rows.SOURCE)
        except rows.CannotCopy as error:
            raise Unavailable(f"the rows could not be written: {error}") from error
        report.rows = sum(table.rows for table in copied.values())
    try:
        belonging.mark(blobs.store())
    except OSError as error:
        raise Unavailable(
            f"all rows are back, but the storage could not be marked as theirs: {error}; "
            "run manage.py prepare --adopt-storage, then manage.py verify"
        ) from error


def mend(place: Place, report: Restored, tell: Tell) -> None:
    """Bring back the bytes of versions whose tarball is not whole in the storage; no row is changed.

    Raises Unavailable when the storage does not take one; what the backups do not have either is in the report.
    """
    for each in relocation.named():
        _bring_back(place, each, report)
        tell("tarballs", 1)


def secure(report: Restored, *, without_ledger: bool = False) -> None:
    """End credentials and keep used numbers in the database in use, which something else brought back.

    Raises Conflict when the ledger does not know the numbers that are there, Unavailable when it cannot be read; then
    no row was changed.
    """
    used = _used()
    if not without_ledger:
        _require_known(rows.SOURCE, used)
    with transaction.atomic():
        _secure(rows.SOURCE, "of another program", used, report)


def _require_tables() -> None:
    try:
        rows.require_up_to_date()
    except rows.CannotCopy as error:
        raise Conflict(str(error)) from error


def _require_empty() -> None:
    if any(model._base_manager.exists() for model in (User, Scope, Package)):
        raise Conflict("this registry has data; --replace puts the backup in its place, and what it has now is lost")


@contextmanager
def _fetched(place: Place, manifest: Manifest) -> Iterator[Path]:
    with spool.folder("restore") as folder:
        packed, database = folder / "database.sqlite3.gz", folder / "database.sqlite3"
        place.fetch(manifest.database, packed)
        snapshot.unpack(packed, database)
        packed.unlink()
        yield database


def _compare(place: Place, each: relocation.Named, report: Restored) -> None:
    try:
        relocation.compare(place.blobs, each, "in the backup")
        report.there += 1
    except OSError as error:
        report.wrong.append(f"{each.name}: {error}")


def _bring_back(place: Place, each: relocation.Named, report: Restored) -> None:
    store = blobs.store()
    if _is_whole(store, each):
        report.there += 1
        return
    try:
        with relocation.fetched(place.blobs, each, "in the backup") as path:
            _put(store, each.key, path)
        report.copied += 1
    except OSError as error:
        report.wrong.append(f"{each.name}: {error}")


def _is_whole(store: Store, each: relocation.Named) -> bool:
    try:
        relocation.compare(store, each)
    except OSError:
        return False
    return True


def _put(store: Store, key: str, source: Path) -> None:
    try:
        store.put(key, source)
    except OSError as error:
        raise Unavailable(f"the storage does not take tarballs: {error}; no row was changed") from error


def _used() -> numbers.Used:
    try:
        return numbers.used()
    except OSError as error:
        raise Unavailable(f"the ledger of used numbers cannot be read: {error}; no row was changed") from error


def _require_known(alias: str, used: numbers.Used) -> None:
    if missing := numbers.unknown(alias, used):
        raise Conflict(
            f"the ledger does not know {len(missing)} numbers of this database, {missing[0]} for one, so those that "
            "were used later would be free again: is it mounted, and the right one (LEDGER_URL, or STORAGE_URL)? "
            "Where there is none any more, say --without-ledger, and manage.py verify --mend afterwards"
        )


def _secure(alias: str, name: str, used: numbers.Used, report: Restored) -> None:
    numbers.keep_used(alias, used, report.since)
    report.tokens = credentials.end(alias)
    _count_revisions_anew(alias)
    AuditEvent.objects.using(alias).create(
        action=audit.RESTORED,
        credential=operator().credential,
        facts={"backup": name, "numbers": len(report.since.numbers), "tokens": report.tokens},
    )


def _count_revisions_anew(alias: str) -> None:
    # Processes and documents go by revisions, and those since the backup said something else. Seconds grow from one
    # restore to the next by more than any package changes.
    far = max(1, int(timezone.now().timestamp() - SINCE.timestamp()))
    for model in (Package, Mirror):
        model._base_manager.using(alias).update(revision=F("revision") + far)
