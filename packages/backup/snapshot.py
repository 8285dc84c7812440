"""The database as of one moment, as a file of SQLite's, while the registry runs on."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import connection

from packages.blobs.store import is_key
from packages.management import rows
from packages.models import StagedVersion, Version
from packages.relocation import Named
from registry_site.errors import Unavailable

Tell = Callable[[str, int], None]
NEVER_KEPT = (Session, UserSession)  # whoever has the key of a session is in
_NAMED = (
    "SELECT package.name || '@' || content.number, content.blob, content.size FROM {table} content"
    " JOIN packages_package package ON package.id = content.package_id WHERE {condition} ORDER BY content.id"
)


def take(path: Path, tell: Tell) -> None:
    """Write everything the database holds into a new file, but no sessions.

    SQLite is copied by its own online backup, all in one step, so that writers neither wait nor start it anew; another
    database is read in one transaction that sees one moment.
    tell: as for `rows.copy`. Raises Unavailable when it cannot be done.
    """
    try:
        if connection.vendor == "sqlite":
            _copy(path)
        else:
            with opened(path):
                rows.copy(tell)
    except (rows.CannotCopy, sqlite3.Error) as error:
        raise Unavailable(f"the database could not be copied: {error}") from error
    with closing(sqlite3.connect(path)) as copy:
        copy.execute("PRAGMA secure_delete=ON")
        for model in NEVER_KEPT:
            copy.execute(f"DELETE FROM {model._meta.db_table}")  # noqa: S608 - our own names # nosec B608
        copy.commit()
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it
        if copy.execute("PRAGMA quick_check").fetchone()[0] != "ok":
            raise Unavailable("the copy of the database is damaged; look at the database with PRAGMA integrity_check")


def named(path: Path) -> Iterator[Named]:
    """Every tarball that a row of a snapshot names."""
    with closing(sqlite3.connect(path)) as copy:
        for model, condition in ((StagedVersion, "1"), (Version, "content.erased_at IS NULL")):
            asked = _NAMED.format(table=model._meta.db_table, condition=condition)
            for name, key, size in copy.execute(asked):
                if not is_key(key):  # it becomes a path
                    raise Unavailable(f"the backup names {key!r} as the tarball of {name}, which is none")
                yield Named(name, key, size)


def unpack(packed: Path, target: Path) -> None:
    """Write a snapshot as it was before it was compressed."""
    with gzip.open(packed) as source, target.open("wb") as plain:
        shutil.copyfileobj(source, plain, 1 << 20)


@contextmanager
def opened(path: Path) -> Iterator[str]:
    """The name of a connection to a snapshot; one of an older version gets the tables of today first.

    Raises rows.CannotCopy.
    """
    url = f"sqlite:///{path}"
    try:
        rows.connect(url)
        rows.make_tables(url)
        yield rows.TARGET
    finally:
        rows.disconnect()


def _copy(path: Path) -> None:
    database = connection.settings_dict["NAME"]
    with closing(sqlite3.connect(database, timeout=60)) as source, closing(sqlite3.connect(path)) as copy:
        source.backup(copy)
