"""Downloads are counted in memory and written a moment later: no download waits for the database.

One download is one whole tarball handed to the client by a GET: not a HEAD, not a 304, and not one that broke off.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable
from datetime import date
from typing import BinaryIO

from django.db import connection, transaction
from django.utils import timezone

from packages import popularity
from packages.models import DownloadCount, Version
from registry_site import metrics
from registry_site.later import Later

ROWS = 200  # in one statement
MOST = 100_000  # kinds of counts that wait

Key = tuple[int, int, date]  # version, package, day


def add(version: Version) -> None:
    """Count one download of a version, today."""
    tally.keep((version.pk, version.package_id, timezone.now().date()), 1)
    metrics.count("registry_tarballs_sent")
    metrics.count("registry_tarball_bytes_sent", by=version.size)


def watch(body: BinaryIO, version: Version, noted: Callable[[], None] = lambda: None) -> Watched:
    """The bytes of a version's tarball, counted as one download when all of them were handed on.

    noted: called then, too.
    """

    def whole() -> None:
        add(version)
        noted()

    return Watched(body, version.size, whole)


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


def _write(counts: dict[Key, int]) -> None:
    known = set(Version.objects.filter(pk__in={key[0] for key in counts}).values_list("pk", flat=True))
    # The others were removed in the admin site meanwhile. Sorted, so that two processes lock rows in the same order.
    rows = sorted(row for row in counts.items() if row[0][0] in known)
    table = DownloadCount._meta.db_table
    with transaction.atomic(), connection.cursor() as cursor:
        for start in range(0, len(rows), ROWS):
            some = rows[start : start + ROWS]
            values = ", ".join(["(%s, %s, %s, %s)"] * len(some))
            cursor.execute(
                f"INSERT INTO {table} (version_id, package_id, day, count) VALUES {values} "  # noqa: S608 - our own names # nosec B608
                f"ON CONFLICT (version_id, day) DO UPDATE SET count = {table}.count + excluded.count",
                [value for key, count in some for value in (*key, count)],
            )
        popularity.grow([(package, day, count) for (_, package, day), count in rows])


tally: Later[Key, int] = Later("download counts", _write, most=MOST, merge=operator.add)
