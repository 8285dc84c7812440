"""Free space that is kept back: below it nothing is published or mirrored, and everything else goes on.

A database that cannot write loses more than a publish: tokens that are used, counts, the log.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import connection

from packages import blobs
from registry_site.errors import Unavailable

WARNED = 3  # times the reserve: operators hear of it while there is time
RETRY_SECONDS = 300
MEGABYTE = 2**20


def places() -> dict[str, Path]:
    """The folders that are watched, by their name: what is received, tarballs in a folder, a database in a file."""
    found = {"spool": _existing(settings.SPOOL_DIR)}
    root = blobs.store().folder
    if root is not None:
        found["storage"] = _existing(root)
    if connection.vendor == "sqlite":
        found["database"] = _existing(Path(connection.settings_dict["NAME"]).parent)
    return found


def free() -> dict[str, int]:
    """The free bytes of each place; one that does not say is left out."""
    return dict(_free())


def low(size: int = 0) -> str:
    """Where too little would be left after `size` more bytes, in words; "" where nothing is wrong."""
    limit = settings.STORAGE_RESERVE_MB * MEGABYTE
    short = [name for name, left in _free() if limit and left - size < limit]
    return (
        f"less than {settings.STORAGE_RESERVE_MB} MB would be left for the {' and the '.join(short)}" if short else ""
    )


def nearly_low() -> bool:
    """Whether operators should make room soon."""
    limit = settings.STORAGE_RESERVE_MB * MEGABYTE
    return any(limit and left < WARNED * limit for _, left in _free())


def require(size: int = 0) -> None:
    """Goes on when there is room for `size` more bytes beside the reserve. Raises Unavailable."""
    if low(size):
        raise Unavailable(
            "the registry's storage is nearly full: nothing can be published until its operators make room; "
            "installing goes on",
            code="storage_low",
            seconds=RETRY_SECONDS,
        )


def _free() -> Iterator[tuple[str, int]]:
    for name, path in places().items():
        try:
            yield name, shutil.disk_usage(path).free
        except OSError:
            continue


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())
