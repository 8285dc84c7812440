"""Gzip in fragments (pure): texts that are compressed apart and put together become one ordinary gzip file.

A fragment is a part of a deflate stream that ends at a byte and looks back at nothing before its own beginning, so it
can follow any other. The checksum at the end of the whole is worked out from those of the fragments.
"""

from __future__ import annotations

import gzip
import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

LEVEL = 6
CHUNK = 256 * 1024
LARGE = 512 * 1024  # compressed bytes; more are not unpacked at once
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # deflate, no name, no time, written on no system in particular
_END = b"\x03\x00"  # an empty last block
_FACTS = struct.Struct("<QI16s")
_POLYNOMIAL = 0xEDB88320  # of CRC-32, its lowest power first
_ONE, _X = 1 << 31, 1 << 30


@dataclass(frozen=True, slots=True)
class Fragment:
    """Some bytes, compressed. size, crc, digest: of the plain bytes."""

    packed: bytes
    size: int
    crc: int
    digest: bytes

    def stored(self) -> bytes:
        """The fragment as one value that `restored` reads."""
        return _FACTS.pack(self.size, self.crc, self.digest) + self.packed


@dataclass(frozen=True, slots=True)
class Joined:
    """A gzip file. size: of the plain bytes; etag: names the plain bytes."""

    packed: bytes
    size: int
    etag: str


def restored(stored: bytes) -> Fragment:
    """The fragment that `Fragment.stored` gave."""
    return Fragment(stored[_FACTS.size :], *_FACTS.unpack_from(stored))


def fragment(chunks: Iterable[bytes]) -> Fragment:
    """Compress the bytes of all chunks, one after the other, to one fragment."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    digest = hashlib.blake2b(digest_size=16)
    packed, size, crc = [], 0, 0
    for chunk in chunks:
        packed.append(packer.compress(chunk))
        digest.update(chunk)
        size, crc = size + len(chunk), zlib.crc32(chunk, crc)
    packed.append(packer.flush(zlib.Z_FULL_FLUSH))
    return Fragment(b"".join(packed), size, crc, digest.digest())


def join(fragments: Iterable[Fragment]) -> Joined:
    """Put fragments together, in this order, to one gzip file with one member."""
    digest = hashlib.blake2b(digest_size=16)
    parts, size, crc = [_HEADER], 0, 0
    for each in fragments:
        parts.append(each.packed)
        digest.update(each.size.to_bytes(8, "little") + each.digest)
        size, crc = size + each.size, combine(crc, each.crc, each.size)
    parts.append(_END + struct.pack("<II", crc, size & 0xFFFFFFFF))
    return Joined(b"".join(parts), size, digest.hexdigest())


def unpacked(packed: bytes) -> bytes | Iterator[bytes]:
    """The plain bytes of a gzip file: all of them, or of a large one what `plain` gives."""
    return plain(packed) if len(packed) > LARGE else gzip.decompress(packed)


def plain(packed: bytes) -> Iterator[bytes]:
    """The plain bytes of a gzip file, in chunks: however long it is, little of it is in memory at once."""
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    waiting = packed
    while waiting and not unpacker.eof:
        yield unpacker.decompress(waiting, CHUNK)
        waiting = unpacker.unconsumed_tail
    yield unpacker.flush()


def combine(first: int, second: int, size: int) -> int:
    """The CRC-32 of two texts in a row, from the CRC-32 of each and the length of the second one.

    Source: `crc32_combine` of zlib 1.2.12 and later (crc32.c): a text that `size` bytes follow counts for its
    remainder times x to the power of 8 * size, modulo the polynomial.
    """
    return _times(_shift(size), first) ^ second


@lru_cache(maxsize=4096)  # the same runs are joined again and again
def _shift(size: int) -> int:
    found, square = _ONE, _X
    for _ in range(3):
        square = _times(square, square)
    while size:
        if size & 1:
            found = _times(square, found)
        square = _times(square, square)
        size >>= 1
    return found


def _times(one: int, other: int) -> int:
    product = 0
    while one:
        if one & _ONE:
            product ^= other
        one = (one << 1) & 0xFFFFFFFF
        other = (other >> 1) ^ _POLYNOMIAL if other & 1 else other >> 1
    return product
