"""What broke off left bytes behind that nothing names: they go a day later, where nobody can want them back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts import audit
from packages import blobs, relocation
from packages.blobs.store import Store
from registry_site import spool
from registry_site.errors import Conflict

DAY = 24 * 60 * 60
BATCH = 500
MANY = 20  # unnamed tarballs; with more, and fewer that are named, the database may be another one than the storage's
AFTER_RESTORE = timedelta(days=14)  # in which nothing goes


def daily() -> None:
    """Remove what is more than a day old. Raises Conflict as `removable`, OSError when the store gives no list."""
    spool.clear(settings.SPOOL_DIR)
    if kept_until() is None:
        for key in removable(DAY):
            blobs.discard(key)
    store = blobs.store()
    for half in list(store.halves(time.time() - DAY)):
        store.drop(half)


def removable(older_than: float) -> list[str]:
    """The keys of blobs that `unnamed` gives, when they are few.

    Raises Conflict for more than are named: then the database may be another one than the storage's.
    """
    found = list(unnamed(older_than))
    if len(found) > MANY and len(found) > relocation.count():
        raise Conflict(
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


def unnamed(older_than: float) -> Iterator[str]:
    """The keys of blobs that no version names and that were written more than `older_than` seconds ago.

    Younger ones may belong to a publish that is about to commit.
    """
    store, floor = blobs.store(), _now() - older_than
    keys = store.keys()
    while batch := list(dict.fromkeys(islice(keys, BATCH))):
        named = {
            key for rows in relocation.naming() for key in rows.filter(blob__in=batch).values_list("blob", flat=True)
        }
        yield from (key for key in batch if key not in named and _is_older(store, key, floor))


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
