"""A store that takes over from another one while the registry runs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from packages.blobs.store import Store


class MovingStore:
    """Blobs are put into the new store, and read from the old one while the new one does not have them.

    What is deleted is deleted from both. `keys` may give a key twice.
    """

    def __init__(self, new: Store, old: Store) -> None:
        self.new, self.old = new, old

    @property
    def folder(self) -> Path | None:
        return self.new.folder

    def put(self, key: str, source: Path) -> None:
        self.new.put(key, source)

    def open(self, key: str, size: int) -> BinaryIO:
        try:
            return self.new.open(key, size)
        except FileNotFoundError:
            return self.old.open(key, size)

    def size(self, key: str) -> int:
        try:
            return self.new.size(key)
        except FileNotFoundError:
            return self.old.size(key)

    def written(self, key: str) -> float:
        try:
            return self.new.written(key)
        except FileNotFoundError:
            return self.old.written(key)

    def delete(self, key: str) -> None:
        # The old one first: what breaks off in between is not seen again there by the command that copies.
        self.old.delete(key)
        self.new.delete(key)

    def keys(self) -> Iterator[str]:
        return chain(self.new.keys(), self.old.keys())

    def names(self) -> Iterator[str]:
        return chain(self.new.names(), self.old.names())

    def halves(self, before: float) -> Iterator[str]:
        return self.new.halves(before)

    def drop(self, half: str) -> None:
        self.new.drop(half)
