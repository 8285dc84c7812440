"""Downloads are counted in memory and written by a thread of their own: no download waits for the database.

One download is one whole tarball handed to the client by a GET: not a HEAD, not a 304, and not one that broke off.
A process that is killed loses what it counted since the last writing; one that is stopped writes first.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import BinaryIO

from django.db import DatabaseError, InterfaceError, close_old_connections, connection, transaction
from django.utils import timezone

from packages.models import DownloadCount, Version

logger = logging.getLogger(__name__)

SECONDS = 2.0
ROWS = 200  # in one statement
MOST = 100_000  # kinds of counts waiting; while the database is away, what comes after is not counted

Key = tuple[int, int, date]  # version, package, day


class Tally:
    """The counts of one process that are not written yet."""

    def __init__(self) -> None:
        self._waiting: Counter[Key] = Counter()
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._runs = False

    def start(self) -> None:
        """Write every few seconds from now on, and when the process ends. For processes that serve."""
        if not self._runs:
            self._runs = True
            atexit.register(self.stop)

    def add(self, version: Version) -> None:
        """Count one download of a version, today."""
        key = (version.pk, version.package_id, timezone.now().date())
        with self._lock:
            if key in self._waiting or len(self._waiting) < MOST:
                self._waiting[key] += 1
            # Looked at here, because a thread does not live on in a process that was forked.
            if self._runs and (self._thread is None or not self._thread.is_alive()) and not self._stop.is_set():
                self._thread = threading.Thread(target=self._run, name="download counts", daemon=True)
                self._thread.start()

    def write(self) -> None:
        """Write what was counted. Raises DatabaseError, and keeps the counts for the next time."""
        with self._writing:
            with self._lock:
                taken, self._waiting = self._waiting, Counter()
            # Sorted, so that two processes lock rows in the same order.
            rows = sorted(taken.items())
            written = 0
            try:
                for start in range(0, len(rows), ROWS):
                    _add_to_rows(rows[start : start + ROWS])
                    written = start + ROWS
            except BaseException:
                with self._lock:
                    self._waiting.update(dict(rows[written:]))
                raise

    def stop(self) -> None:
        """Write for the last time; the process ends."""
        self._stop.set()
        self._try_to_write()

    def _run(self) -> None:
        while not self._stop.wait(SECONDS):
            self._try_to_write()

    def _try_to_write(self) -> None:
        try:
            close_old_connections()
            if self._waiting:
                self.write()
        except (DatabaseError, InterfaceError):
            logger.warning("the download counts could not be written; they wait", exc_info=True)
        finally:
            close_old_connections()


tally = Tally()


def watch(body: BinaryIO, version: Version) -> Watched:
    """The bytes of a version's tarball, counted as one download when all of them were handed on."""
    return Watched(body, version.size, lambda: tally.add(version))


class Watched:
    """A file that tells on closing whether it was read to its end, by `read` or by the system's sendfile."""

    def __init__(self, body: BinaryIO, size: int, whole: Callable[[], None]) -> None:
        self._body, self._size, self._whole, self._read = body, size, whole, 0

    def read(self, size: int = -1) -> bytes:
        chunk = self._body.read(size)
        self._read += len(chunk)
        return chunk

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        # sendfile reads past us, and then puts the file to where it stopped.
        position = self._body.seek(offset, whence)
        if whence == os.SEEK_SET:
            self._read = max(self._read, position)
        return position

    def close(self) -> None:
        if self._body.closed:
            return
        if self._read >= self._size:
            self._whole()
        self._body.close()

    def __getattr__(self, name: str):
        return getattr(self._body, name)


def _add_to_rows(rows: list[tuple[Key, int]]) -> None:
    known = set(Version.objects.filter(pk__in=[key[0] for key, _ in rows]).values_list("pk", flat=True))
    rows = [row for row in rows if row[0][0] in known]  # the others were removed in the admin site meanwhile
    if not rows:
        return
    table = DownloadCount._meta.db_table
    values = ", ".join(["(%s, %s, %s, %s)"] * len(rows))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (version_id, package_id, day, count) VALUES {values} "  # noqa: S608 - our own names
            f"ON CONFLICT (version_id, day) DO UPDATE SET count = {table}.count + excluded.count",
            [value for key, count in rows for value in (*key, count)],
        )
