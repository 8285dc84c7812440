"""Where large things pass through on this host: uploads, downloads, copies of the database.

Who makes a file or a folder here takes it away; what a process left that was killed is cleared a day later.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

DAY = 24 * 60 * 60


def place() -> Path:
    """The folder itself, which is there then."""
    settings.SPOOL_DIR.mkdir(parents=True, exist_ok=True)
    return settings.SPOOL_DIR


@contextmanager
def folder(word: str) -> Iterator[Path]:
    """A folder of one's own, gone with all that is in it afterwards. word: what it is for, in its name."""
    with tempfile.TemporaryDirectory(prefix=f"{word}-", dir=place()) as made:
        yield Path(made)


def file(word: str) -> tuple[int, Path]:
    """A new file for a tarball, open for writing, and its path; the caller's to remove. word: as for `folder`."""
    handle, name = tempfile.mkstemp(prefix=f"{word}-", suffix=".tgz", dir=place())
    return handle, Path(name)


def leftovers(where: Path, older_than: float) -> list[Path]:
    """What nobody has written to for so many seconds. where: a spool, which need not be there."""
    floor = time.time() - older_than
    return [path for path in (where.iterdir() if where.is_dir() else ()) if _written(path) < floor]


def clear(where: Path, older_than: float = DAY) -> None:
    """Remove the leftovers. Raises nothing: what cannot be removed is tried again by the next one."""
    for path in leftovers(where, older_than):
        remove(path)


def remove(path: Path) -> None:
    """Remove a leftover, a file or a folder, if that can be."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        shutil.rmtree(path, ignore_errors=True)


def renew(path: Path) -> None:
    """Say of a folder that somebody is still at work in it."""
    os.utime(path)


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # it was removed meanwhile
        return time.time()
