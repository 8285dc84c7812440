"""Tarball bytes, each stored once under its own digest and a random part, written whole before any row names it."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from registry_site.errors import Unavailable


class Store(Protocol):
    """Where blobs live. Keys are made by `keep` and hold no text of a user."""

    def keep(self, sha512: bytes, source: Path) -> str: ...

    def open(self, key: str) -> BinaryIO: ...

    def size(self, key: str) -> int: ...

    def delete(self, key: str) -> None: ...

    def written(self, key: str) -> float: ...

    def keys(self) -> Iterator[str]: ...


def keep(sha512: bytes, source: Path) -> str:
    """Store the bytes of `source`, safe against power loss when this returns; gives the key to read them by.

    sha512: the 64 raw bytes of the digest. source: a file of ours; it is gone afterwards.
    Raises Unavailable when the store does not take it.
    """
    try:
        return store().keep(sha512, source)
    except OSError as error:
        raise Unavailable("the tarball could not be stored; try again") from error


def open_blob(key: str, size: int) -> BinaryIO:
    """The bytes of a blob that should be `size` long.

    Raises Unavailable, never NotFound, when they cannot be read: a listed version that is missing is our fault.
    """
    try:
        if store().size(key) != size:
            raise Unavailable("the tarball cannot be read right now; try again")
        return store().open(key)
    except OSError as error:
        raise Unavailable("the tarball cannot be read right now; try again") from error


def discard(key: str) -> None:
    """Remove a blob that no row names, as after a publish that was refused."""
    store().delete(key)


@cache
def store() -> Store:
    """The store that `STORAGE_URL` names. Raises ImproperlyConfigured for a kind this product does not have."""
    parts = urlsplit(settings.STORAGE_URL)
    if parts.scheme != "file":
        raise ImproperlyConfigured(f"STORAGE_URL begins with file://, not {parts.scheme}://")
    return FolderStore(Path(unquote(parts.path)))


class FolderStore:
    """Blobs as files of one folder, two levels deep so that no folder grows large."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def keep(self, sha512: bytes, source: Path) -> str:
        name = f"{sha512.hex()}-{secrets.token_hex(8)}"
        key = f"{name[:2]}/{name[2:4]}/{name}"
        target = self.root / key
        target.parent.mkdir(parents=True, exist_ok=True)
        _sync(source)
        try:
            os.rename(source, target)
        except OSError:  # the spool is on another file system
            draft = target.with_suffix(".part")
            shutil.copyfile(source, draft)
            _sync(draft)
            os.rename(draft, target)
            source.unlink()
        for folder in (target.parent, target.parent.parent, self.root):
            _sync(folder)
        return key

    def open(self, key: str) -> BinaryIO:
        return open(self.root / key, "rb")

    def size(self, key: str) -> int:
        return (self.root / key).stat().st_size

    def written(self, key: str) -> float:
        return (self.root / key).stat().st_mtime

    def delete(self, key: str) -> None:
        (self.root / key).unlink(missing_ok=True)

    def keys(self) -> Iterator[str]:
        for path in self.root.glob("*/*/*"):
            if path.suffix != ".part":
                yield str(path.relative_to(self.root))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
