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
    """Blobs as files of one folder, two levels deep so that no folder grows large. mode: of each file."""

    def __init__(self, root: Path, mode: int = READABLE) -> None:
        self.root, self.mode = root, mode
        self._began_with = _identity(root)

    @property
    def folder(self) -> Path:
        return self.root

    def put(self, key: str, source: Path) -> None:
        self._require_same()
        target = self.root / key
        target.parent.mkdir(parents=True, exist_ok=True)
        source.chmod(self.mode)
        sync(source)
        try:
            os.rename(source, target)
        except OSError:  # the spool is on another file system
            draft = target.with_suffix(".part")
            shutil.copyfile(source, draft)
            draft.chmod(self.mode)
            sync(draft)
            os.rename(draft, target)
            source.unlink()
        for folder in (target.parent, target.parent.parent, self.root):
            sync(folder)

    def open(self, key: str, size: int) -> BinaryIO:
        file = (self.root / key).open("rb")
        try:
            found = os.fstat(file.fileno()).st_size
            if found != size:
                raise OSError(f"{key} has {found} bytes, and should have {size}")
        except OSError:
            file.close()
            raise
        self._began_with = self._began_with or _identity(self.root)
        return file

    def size(self, key: str) -> int:
        return (self.root / key).stat().st_size

    def written(self, key: str) -> float:
        return (self.root / key).stat().st_mtime

    def delete(self, key: str) -> None:
        (self.root / key).unlink(missing_ok=True)

    def keys(self) -> Iterator[str]:
        return filter(is_key, self.names())

    def names(self) -> Iterator[str]:
        for path in self.root.glob("*/*/*"):
            yield path.relative_to(self.root).as_posix()

    def halves(self, before: float) -> Iterator[str]:
        for path in self.root.glob("*/*/*.part"):
            if path.stat().st_mtime < before:
                yield str(path.relative_to(self.root))

    def drop(self, half: str) -> None:
        (self.root / half).unlink(missing_ok=True)

    def _require_same(self) -> None:
        # What lies below the place where a volume was mounted is not where the other tarballs are.
        if self._began_with is None:
            self.root.mkdir(parents=True, exist_ok=True)
            self._began_with = _identity(self.root)
        elif _identity(self.root) != self._began_with:
            raise OSError(f"{self.root} is another folder than when this process began; restart it if that is meant")


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.stat()
    except OSError:  # also where it cannot be looked at: whoever uses it hears why
        return None
    return found.st_dev, found.st_ino


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
