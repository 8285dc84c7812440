"""What a place for blobs has to do."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

_KEY = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{128}-[0-9a-f]{16}")


def new_key(sha512: bytes) -> str:
    """A key that no blob has yet. sha512: the 64 raw bytes of the digest."""
    name = f"{sha512.hex()}-{secrets.token_hex(8)}"
    return f"{name[:2]}/{name[2:4]}/{name}"


def is_key(text: str) -> bool:
    """Whether this could be the key of a blob: what else lies beside blobs is not ours to list, nor to sweep."""
    return _KEY.fullmatch(text) is not None


class Store(Protocol):
    """Where blobs live, each two folders deep. Keys are made by `blobs.keep` and hold no text of a user.

    A blob is there whole or not at all, and never changes. Everything raises OSError when the place does not do what
    was asked; FileNotFoundError when it does not have the blob.
    """

    @property
    def folder(self) -> Path | None:
        """Where new blobs lie on this host; None where that is no folder."""

    def put(self, key: str, source: Path) -> None:
        """Keep the bytes of a file, safe against power loss when this returns; the file is gone afterwards."""

    def open(self, key: str, size: int) -> BinaryIO:
        """The bytes of a blob, to be read once from the start. Raises OSError when there are not `size` of them."""

    def size(self, key: str) -> int:
        """How many bytes a blob has."""

    def written(self, key: str) -> float:
        """When a blob was kept, in seconds since 1970."""

    def delete(self, key: str) -> None:
        """Remove a blob; one that is not there is no fault."""

    def keys(self) -> Iterator[str]:
        """The keys of all blobs, in no order; nothing that `is_key` does not know."""

    def names(self) -> Iterator[str]:
        """The keys of all that lies as deep as blobs do, blobs or not, in no order."""

    def halves(self, before: float) -> Iterator[str]:
        """What broke off while it was put, and was begun before this moment."""

    def drop(self, half: str) -> None:
        """Remove what `halves` gave."""
