"""The files inside a tarball that was let in before: what each of them is, and the bytes of a few."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO

from packages.tarballs.gzip import Inflated
from packages.tarballs.headers import Entry, entries
from packages.tarballs.limits import Limits, refusal
from packages.tarballs.paths import Names

DIGEST_SIZE = 32


@dataclass(frozen=True)
class File:
    """A file of a package. digest: of its bytes, to tell whether two are the same."""

    size: int
    mode: int
    digest: bytes


def listing(source: BinaryIO, *, limits: Limits = Limits()) -> dict[str, File]:  # noqa: B008
    """Every file by its path below the top folder, in the archive's order.

    source: an open tarball; it is read once and closed.
    Raises Invalid as `inspect`.
    """
    found = {}
    with closing(_walk(source, limits)) as walk:
        for path, entry, inflated in walk:
            digest = hashlib.blake2b(digest_size=DIGEST_SIZE)
            for piece in _pieces(path, entry, inflated):
                digest.update(piece)
            found[path] = File(entry.size, entry.mode, digest.digest())
    return found


def read(source: BinaryIO, paths: Collection[str], *, most: int, limits: Limits = Limits()) -> dict[str, bytes]:  # noqa: B008
    """The bytes of these files; those that are over `most` bytes, or are not there, are left out.

    source: an open tarball; it is read at most once, as far as needed, and closed. Raises Invalid as `inspect`.
    """
    wanted, found = set(paths), {}
    with closing(_walk(source, limits)) as walk:
        for path, entry, inflated in walk:
            kept = path in wanted and entry.size <= most
            pieces = [piece for piece in _pieces(path, entry, inflated) if kept]
            if kept:
                found[path] = b"".join(pieces)
            wanted.discard(path)
            if not wanted:
                break
    return found


def stream(source: BinaryIO, path: str, *, limits: Limits = Limits()) -> Generator[bytes, None, None]:  # noqa: B008
    """The bytes of one file in pieces, none of them large; nothing when it is not there.

    source: an open tarball; it is read as far as the file, and closed with the generator. Raises Invalid as `inspect`.
    """
    with closing(_walk(source, limits)) as walk:
        for found, entry, inflated in walk:
            if found == path:
                yield from _pieces(path, entry, inflated)
                return
            for _ in _pieces(found, entry, inflated):
                pass


def _walk(source: BinaryIO, limits: Limits) -> Generator[tuple[str, Entry, Inflated], None, None]:
    names = Names(limits)
    with source, Inflated(source, limits) as inflated:
        for entry in entries(inflated, limits):
            path = names.take(entry)
            if not entry.is_directory:
                yield path, entry, inflated


def _pieces(path: str, entry: Entry, inflated: Inflated) -> Iterator[bytes]:
    seen = 0
    for piece in inflated.slices(entry.size):
        seen += len(piece)
        yield piece
    if seen < entry.size:
        raise refusal(f"it ends in the middle of {path}", "bad_archive")
