"""Old backups go, and with them the tarballs that no backup names any more; whatever breaks off is gone on with."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from dataclasses import dataclass

from packages.backup import snapshot
from packages.backup.place import BEGUN, BROKEN_OFF, FORGETTING, Manifest, Place, new_name
from registry_site import spool
from registry_site.errors import Conflict, Invalid, Unavailable

AGAIN_SECONDS = 5 * 60  # after which the mark of a run is renewed


@dataclass
class Forgotten:
    """What went: backups by name, how many tarballs, and how many that broke off and were none."""

    names: list[str]
    tarballs: int = 0
    broken_off: int = 0


def keep_last(place: Place, count: int) -> Forgotten:
    """Remove all backups but the last ones, what broke off a day ago, and the tarballs that no backup names then.

    count: how many stay, one or more. Manifests go first, so that what is left of a backup is none; tarballs go last,
    after all that names them was read. Raises Conflict while another backup is being made, which may count on a tarball
    that is there; Unavailable when a backup that stays cannot be read; then no tarball was removed.
    """
    if count < 1:
        raise Invalid("at least one backup stays; keep 1 or more")
    mark = _Mark(place)
    try:
        try:
            mark.renew()
            return _keep_last(place, count, mark)
        finally:
            mark.remove()
    except OSError as error:
        raise Unavailable(f"old backups could not be removed: {error}; run it again") from error


class _Mark:
    """What says beside the backups that some are being removed; renewed, so that one of a run that died is soon old."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._name, self._at = "", 0.0

    def renew(self) -> None:
        """Say so anew, when it was said a while ago. Raises Conflict while a backup is being made."""
        if self._name and time.monotonic() - self._at < AGAIN_SECONDS:
            return
        before, self._name, self._at = self._name, new_name(), time.monotonic()
        self.place.begin(self._name, FORGETTING)
        if before:
            self.place.remove(before)
        # Whoever makes a backup says so first and looks for this then, so that one of the two sees the other.
        if others := self.place.under_way(BEGUN):
            raise Conflict(
                f"another backup is being made ({others[0]}), so no older one was removed; the next run does it. "
                "One that broke off is in the way for a day"
            )

    def remove(self) -> None:
        """Say that it is done."""
        self.place.remove(self._name)


def _keep_last(place: Place, count: int, mark: _Mark) -> Forgotten:
    names = place.names()
    gone, stay = names[:-count], names[-count:]
    named = {key for each in stay for key in _keys(place, place.manifest(each))}
    broken = place.broken_off()
    for each in [*gone, *broken]:
        place.remove(each)
    report = Forgotten(gone, broken_off=len(broken))
    for key in sorted(place.kept() - named):
        mark.renew()
        place.blobs.delete(key)
        report.tarballs += 1
    for half in list(place.blobs.halves(time.time() - BROKEN_OFF.total_seconds())):
        place.blobs.drop(half)
    return report


def _keys(place: Place, manifest: Manifest) -> Iterator[str]:
    with spool.folder("forget") as folder:
        packed, database = folder / "packed", folder / "database.sqlite3"
        if manifest.listed is not None:
            place.fetch(manifest.listed, packed)
            with gzip.open(packed, "rt") as lines:
                yield from (line.rstrip("\n") for line in lines)
        else:  # older ones say it in their database alone
            place.fetch(manifest.database, packed)
            snapshot.unpack(packed, database)
            yield from (each.key for each in snapshot.named(database))
