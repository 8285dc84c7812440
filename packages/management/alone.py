"""One at a time, on all hosts together: several that start at the same moment make the tables once."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.db import DatabaseError, connection

KEY = 7_206_911_833  # any number that nothing else in the same database locks
SECONDS = 1.0


@contextmanager
def alone(place: Path, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold a lock of the database; a process that dies lets go of it.

    place: a folder for the lock where the database is SQLite, which has none that lasts. waiting: called once, when
    another process has it. Raises DatabaseError.
    """
    if connection.vendor == "postgresql":
        with _of_the_database(waiting):
            yield
        return
    with (place / "prepare.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _of_the_database(waiting: Callable[[], object]) -> Iterator[None]:
    # Asked for again and again: who waits inside a query holds up an index that is being built concurrently.
    if not _asked("pg_try_advisory_lock"):
        waiting()
        while not _asked("pg_try_advisory_lock"):
            time.sleep(SECONDS)
    try:
        yield
    finally:
        with suppress(DatabaseError):  # then the connection is gone, and the lock with it
            _asked("pg_advisory_unlock")


def _asked(function: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [KEY])
        return cursor.fetchone()[0]
