"""What a place for blobs has to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol


class Store(Protocol):
    """Where blobs live, each two folders deep. Keys are made by `blobs.keep` and hold no text of a user.

    A blob is there whole or not at all, and never changes. Everything raises OSError when the place does not do what
    was asked; FileNotFoundError when it does not have the blob.
    """

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
        """The keys of all blobs, in no order."""

    def halves(self, before: float) -> Iterator[str]:
        """What broke off while it was put, and was begun before this moment."""

    def drop(self, half: str) -> None:
        """Remove what `halves` gave."""
