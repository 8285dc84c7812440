"""Blobs in a folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from packages.blobs.store import is_key

READABLE = 0o640  # also by a front server that is in the group; what was spooled is its owner's alone


class FolderStore:
    """Blobs as files of one folder, two levels deep so that no folder grows large."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, key: str, source: Path) -> None:
        target = self.root / key
        target.parent.mkdir(parents=True, exist_ok=True)
        source.chmod(READABLE)
        _sync(source)
        try:
            os.rename(source, target)
        except OSError:  # the spool is on another file system
            draft = target.with_suffix(".part")
            shutil.copyfile(source, draft)
            draft.chmod(READABLE)
            _sync(draft)
            os.rename(draft, target)
            source.unlink()
        for folder in (target.parent, target.parent.parent, self.root):
            _sync(folder)

    def open(self, key: str, size: int) -> BinaryIO:
        file = (self.root / key).open("rb")
        try:
            found = os.fstat(file.fileno()).st_size
            if found != size:
                raise OSError(f"{key} has {found} bytes, and should have {size}")
        except OSError:
            file.close()
            raise
        return file

    def size(self, key: str) -> int:
        return (self.root / key).stat().st_size

    def written(self, key: str) -> float:
        return (self.root / key).stat().st_mtime

    def delete(self, key: str) -> None:
        (self.root / key).unlink(missing_ok=True)

    def keys(self) -> Iterator[str]:
        for path in self.root.glob("*/*/*"):
            if is_key(key := path.relative_to(self.root).as_posix()):
                yield key

    def halves(self, before: float) -> Iterator[str]:
        for path in self.root.glob("*/*/*.part"):
            if path.stat().st_mtime < before:
                yield str(path.relative_to(self.root))

    def drop(self, half: str) -> None:
        (self.root / half).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
