"""One gzip member, inflated in bounded slices."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from packages.tarballs.limits import Limits, refusal

SLICE = 64 * 1024
MAX_HEADER = 4096

_MAGIC = b"\x1f\x8b\x08"
_FHCRC, _FEXTRA, _FNAME, _FCOMMENT = 2, 4, 8, 16


class Inflated:
    """The bytes inside a gzip file, in order, never more than a slice at once. Use it with `with`.

    source: a path, or an open file that is read once from where it stands, and closed at the end.

    Raises Invalid for anything but one whole member with a right checksum and nothing behind it, for more output than
    `limits.unpacked`, and for a ratio that only a bomb has.
    """

    def __init__(self, source: Path | BinaryIO, limits: Limits) -> None:
        self._limits = limits
        self._file: BinaryIO = source.open("rb") if isinstance(source, Path) else source
        self._ahead = b""
        self._inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        self._buffer = b""
        self._at = 0
        self._read = 0
        self._made = 0

    def __enter__(self) -> Inflated:
        while len(self._ahead) < MAX_HEADER and (piece := self._file.read(MAX_HEADER - len(self._ahead))):
            self._ahead += piece
        first = self._ahead
        if not first.startswith(_MAGIC):
            self._file.close()
            raise refusal("it is not a gzip file", "not_gzip")
        if not _header_ends_in(first):
            self._file.close()
            raise refusal("its gzip header is too long or damaged", "not_gzip")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes, fewer only at the end. For small pieces."""
        piece = self._buffer[self._at : self._at + size]
        self._at += len(piece)
        while len(piece) < size and self._fill():
            more = self._buffer[: size - len(piece)]
            self._at = len(more)
            piece += more
        return piece

    def slices(self, size: int) -> Iterator[bytes]:
        """The next `size` bytes in slices, fewer only at the end."""
        while size:
            piece = self.read(min(size, SLICE))
            if not piece:
                return
            size -= len(piece)
            yield piece

    def _fill(self) -> bool:
        self._buffer, self._at = b"", 0
        while not self._buffer and not self._inflate.eof:
            self._buffer = self._next_slice()
        if self._inflate.eof and not self._buffer:
            self._require_end()
            return False
        self._made += len(self._buffer)
        self._require_bounds()
        return True

    def _next_slice(self) -> bytes:
        packed = self._inflate.unconsumed_tail or self._take_ahead() or self._file.read(SLICE)
        if packed is not self._inflate.unconsumed_tail:
            self._read += len(packed)
        try:
            made = self._inflate.decompress(packed, SLICE)
        except zlib.error:
            raise refusal("its compressed data is damaged", "damaged_gzip") from None
        if not packed and not made and not self._inflate.eof:
            raise refusal("it is cut off", "damaged_gzip")
        return made

    def _take_ahead(self) -> bytes:
        ahead, self._ahead = self._ahead, b""
        return ahead

    def _require_bounds(self) -> None:
        if self._made > self._limits.unpacked:
            raise refusal(f"it unpacks to more than {self._limits.unpacked // 2**20} MB", "unpacked_too_large")
        if self._made > self._limits.ratio_from and self._made > self._limits.ratio * self._read:
            raise refusal(f"it unpacks to more than {self._limits.ratio} times its size", "unpacked_too_large")

    def _require_end(self) -> None:
        # Parsers differ in what they do with a second member or with what is behind the first.
        if self._inflate.unused_data or self._file.read(1):
            raise refusal("there is more behind the end of its compressed data", "trailing_data")


def _header_ends_in(first: bytes) -> bool:
    flags, at = first[3] if len(first) > 10 else 0xFF, 10
    if flags & _FEXTRA:
        at += 2 + int.from_bytes(first[at : at + 2], "little")
    for flag in (_FNAME, _FCOMMENT):
        if flags & flag and 0 < at < len(first):
            at = first.find(b"\0", at) + 1
            if at == 0:
                return False
    if flags & _FHCRC:
        at += 2
    return flags < 0x20 and at < len(first)
