"""Reads reality back: what this server stands on, looked at and tried out, and what to do where it is not right.

For `manage.py prepare`, `manage.py check --deploy`, `manage.py configuration` and the operators' page.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection

from accounts import standstill
from packages import belonging, blobs, keyring, reserve, surroundings, vitals
from packages.findings import Finding
from registry_site import env, sole, spool
from registry_site.errors import Refusal

LITTLE_BYTES = 2**30
APART_SECONDS = 5
SECRET_LENGTH = 32
ALIKE = 0.86
PROBE = b"written to see that it can be read back"


def look(headers: Any = None, *, upstream: bool = False) -> list[Finding]:
    """Everything, in the order of a page; what cannot even be looked at is a finding, too.

    headers: of a request that came through the proxies, where there is one. upstream: ask the upstream registries.
    """
    found: list[Finding] = []
    for each in _CHECKS:
        try:
            found += each()
        except DatabaseError:
            found.append(Finding("Database", "bad", "it does not answer; is DATABASE_URL right, and is it running?"))
        except ImproperlyConfigured as error:
            found.append(Finding("Settings", "bad", str(error)))
        except OSError as error:
            found.append(Finding(each.__name__.strip("_").capitalize(), "bad", f"{error.strerror or error}"))
    found += surroundings.proxies(headers)
    if upstream:
        found += surroundings.upstreams()
    return list(dict.fromkeys(found))


def system_checks(app_configs: Any = None, **options: Any) -> list[checks.CheckMessage]:
    """The same for `manage.py check --deploy`: what is bad as errors, what is doubtful as warnings."""
    kinds: dict[str, type[checks.CheckMessage]] = {"bad": checks.Error, "warn": checks.Warning}
    return [
        kinds[each.state](f"{each.subject}: {each.says}", id=f"registry.{each.state}")
        for each in look()
        if each.state in kinds
    ]


def _database() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT sqlite_version()")
            yield Finding("Database", "good", f"SQLite {cursor.fetchone()[0]}")
            wanted = {"journal_mode": ("wal",), "synchronous": (2, 3), "foreign_keys": (1,)}
            for pragma, right in wanted.items():
                cursor.execute(f"PRAGMA {pragma}")
                if (real := cursor.fetchone()[0]) not in right:
                    yield Finding(
                        "Database",
                        "warn",
                        f"PRAGMA {pragma} is {real} and not {right[0]}: a power cut could lose what was acknowledged;"
                        f" keep DATA_DIR on a local disk",
                    )
            if kind := sole.network_of(Path(connection.settings_dict["NAME"])):
                says = f"SQLite is on {kind}, where it can lose what was acknowledged; use a local disk, or PostgreSQL"
                yield Finding("Database", "bad", says)
            return
        cursor.execute("SELECT current_setting('server_version'), current_setting('fsync'),"
                       " current_setting('synchronous_commit'), current_setting('server_encoding')")  # fmt: skip
        version, fsync, commit, encoding = cursor.fetchone()
        yield Finding("Database", "good", f"PostgreSQL {version}")
        if fsync != "on" or commit == "off":
            yield Finding(
                "Database", "warn", "fsync or synchronous_commit is off: a crash could lose what was acknowledged"
            )
        if encoding != "UTF8":
            yield Finding("Database", "bad", f"it is encoded in {encoding}; make one with encoding UTF8")


def _tables() -> Iterator[Finding]:
    said = vitals.migrations()
    yield Finding("Tables", "good", "up to date") if said == "ok" else Finding("Tables", "bad", f"migrations: {said}")


def _storage() -> Iterator[Finding]:
    store, where = blobs.store(), _shown(settings.STORAGE_URL)
    handle, source = spool.file("probe")
    key = f"00/00/{hashlib.sha512(PROBE).hexdigest()}-{secrets.token_hex(8)}"
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(PROBE)
        store.put(key, source)
        try:
            with store.open(key, len(PROBE)) as kept:
                same = kept.read() == PROBE
            written = store.written(key)
        finally:
            store.delete(key)
    except OSError as error:
        yield Finding(
            "Storage",
            "bad",
            f"{where} could not be written and read back ({error}); look at STORAGE_URL and its rights",
        )
        return
    finally:
        source.unlink(missing_ok=True)
    if not same:
        yield Finding("Storage", "bad", f"{where} gave other bytes back than were written")
        return
    yield Finding("Storage", "good", f"{where} takes tarballs and gives them back")
    if belonging.is_apart():
        yield Finding("Storage", "bad", f"{where} is not the storage of this database; manage.py prepare says more")
    yield from _apart("storage", written)


def _room() -> Iterator[Finding]:
    places = {"Spool": settings.SPOOL_DIR, "Data": settings.DATA_DIR}
    root = blobs.store().folder
    if root is not None and root.exists():
        places["Storage"] = root
        if root.stat().st_dev != settings.SPOOL_DIR.stat().st_dev:
            yield Finding(
                "Spool", "fact", "it is on another file system than the storage: each tarball is copied once more"
            )
    for name, path in places.items():
        disk = shutil.disk_usage(path)
        says = f"{path}: {_size(disk.free)} free of {_size(disk.total)}"
        little = disk.free < LITTLE_BYTES
        yield Finding(
            name, "warn" if little else "good", f"{says}; publishing fails when it is full" if little else says
        )
    if said := reserve.low():
        yield Finding("Reserve", "bad", f"nothing is published or mirrored: {said} (STORAGE_RESERVE_MB); make room")
    elif reserve.nearly_low():
        most = reserve.WARNED * settings.STORAGE_RESERVE_MB
        says = f"less than {most} MB are free somewhere; at {settings.STORAGE_RESERVE_MB} MB publishing stops"
        yield Finding("Reserve", "warn", f"{says}: make room")


def _changes() -> Iterator[Finding]:
    if still := standstill.current():
        by = "READ_ONLY is set" if settings.READ_ONLY != "off" else "manage.py read_only off ends it"
        yield Finding("Changes", "warn", f"{still.sentence} ({by})")


def _clock() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        epoch = "extract(epoch from clock_timestamp())"
        cursor.execute(f"SELECT {epoch}" if connection.vendor == "postgresql" else "SELECT strftime('%s', 'now')")
        theirs = float(cursor.fetchone()[0])
    yield Finding("Clock", "fact", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC here")
    yield from _apart("database", theirs)


def _apart(whose: str, theirs: float) -> Iterator[Finding]:
    if (apart := abs(time.time() - theirs)) > APART_SECONDS:
        says = f"the clock of the {whose} is {apart:.0f} seconds off; let it and this server follow a time server"
        yield Finding("Clock", "warn", says)


def _signing() -> Iterator[Finding]:
    try:
        yield Finding("Signing key", "good", keyring.current().id)
    except Refusal as refusal:
        yield Finding("Signing key", "bad", f"{refusal.message} (SIGNING_KEYS_DIR)")


def _safety() -> Iterator[Finding]:
    if settings.DEBUG:
        yield Finding("Safety", "bad", "DEBUG is on: errors show what is inside; nothing of this product turns it on")
    key = settings.SECRET_KEY
    if len(key) < SECRET_LENGTH or len(set(key)) < 8:
        yield Finding(
            "Safety", "warn", f"SECRET_KEY is weak; use {SECRET_LENGTH} random characters or more, or leave it out"
        )
    if not settings.ACCOUNT_RATE_LIMITS:
        yield Finding("Safety", "warn", "RATE_LIMITS is off: passwords can be tried without end")
    for name in _misspelt():
        yield Finding("Settings", "warn", name)


def _misspelt() -> Iterator[str]:
    known = {*env.seen, *(f"{name}_FILE" for name, reading in env.seen.items() if reading.is_secret)}
    for name in sorted(os.environ):
        if name in known or len(name) < 6:
            continue
        if near := difflib.get_close_matches(name, known, 1, ALIKE):
            yield f"{name} is set and is no setting; did you mean {near[0]}?"


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GB" if count >= 2**30 else f"{count / 2**20:.0f} MB"


_CHECKS: list[Callable[[], Iterator[Finding]]] = [
    _database, _tables, _storage, _room, _changes, _clock, surroundings.addresses, surroundings.mail,
    surroundings.provider, surroundings.directory, _signing, _safety,
]  # fmt: skip
