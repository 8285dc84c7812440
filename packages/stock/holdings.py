"""Which tarballs of the upstream registry are here, how large they are, and when each was last used."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import NamedTuple

from django.db.models import OuterRef, Subquery, Sum

from packages import blobs
from packages.models import DownloadCount, Mirror, Version
from packages.models.core import VersionSet


class Held(NamedTuple):
    """A mirrored tarball that could be fetched anew. used: the day of its last download, else of its arrival."""

    used: date
    pk: int
    size: int


def tarballs() -> VersionSet:
    """The mirrored versions whose tarball is here."""
    return Version.objects.filter(package__mirrored=True, erased_at=None)


def size() -> int:
    """Bytes of all mirrored tarballs."""
    return tarballs().aggregate(all=Sum("size"))["all"] or 0


def replaceable() -> list[Held]:
    """The tarballs that may go because upstream has them, the least recently used first. One query.

    Not among them: what is in quarantine, which may be evidence, and what upstream took away.
    """
    last = DownloadCount.objects.filter(version=OuterRef("pk")).order_by("-day").values("day")[:1]
    free = tarballs().filter(quarantined_at=None, mirrored_as__removed_at=None, mirrored_as__quarantined_at=None)
    there = free.filter(mirrored_as__mirror__state=Mirror.State.FOUND).annotate(last=Subquery(last)).order_by()
    rows = there.values_list("pk", "size", "blob", "last")
    return sorted(Held(used or _arrived(blob), pk, bytes_) for pk, bytes_, blob, used in rows.iterator())


def _arrived(blob: str) -> date:
    try:
        return datetime.fromtimestamp(blobs.store().written(blob), UTC).date()
    except OSError:  # it goes away at this moment, or is lost
        return date.min
