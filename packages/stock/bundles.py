"""The file that carries a part of the mirror to a machine without a network (pure).

A plain tar: manifest.json, then for each package of it, in its order, what upstream said and the tarballs. Each member
is one that the manifest announced, with the size and digest it said, under a name that leads nowhere: whoever reads the
file never takes a path from it, and never more bytes than it announced.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import orjson

from registry_site.errors import Invalid, Malformed

FORMAT = 1
BLOCK = tarfile.BLOCKSIZE
CHUNK = 256 * 1024
MOST_MANIFEST = 64 * 2**20
MOST_PACKAGES = 100_000
MOST_TARBALLS = 1_000_000
MOST_BYTES = 512 * 2**20  # of one member
MOST_PACKUMENT = 64 * 2**20
MANIFEST = "manifest.json"
MAX_TEXT = 256
_HOST = re.compile(r"[A-Za-z0-9.-]{1,180}(?::[0-9]{1,5})?", re.ASCII)


@dataclass(frozen=True)
class Part:
    """One member: its size, and the SHA-512 of its bytes in hex."""

    size: int
    sha512: str


@dataclass
class Bundled:
    """One package. packument: compressed; tarballs: by number. is_full: not only the form for installs."""

    name: str
    upstream: str
    is_full: bool
    packument: Part
    tarballs: dict[str, Part] = field(default_factory=dict)


class Writer:
    """Writes a bundle into an open file: the manifest at once, then `add` for each part in its order."""

    def __init__(self, output: BinaryIO, packages: list[Bundled]) -> None:
        self._output = output
        self._names = _names(packages)
        manifest = orjson.dumps({"format": FORMAT, "packages": packages})
        if len(manifest) > MOST_MANIFEST:
            raise Invalid("this is too much for one file; export fewer lockfiles at a time")
        self._begin(MANIFEST, len(manifest))
        self._write(manifest)

    def add(self, part: Part, source: BinaryIO) -> None:
        """The next part. Raises Invalid when its bytes are not what the manifest announced."""
        self._begin(next(self._names), part.size)
        digest, left = hashlib.sha512(), part.size
        while left and (chunk := source.read(min(CHUNK, left))):
            digest.update(chunk)
            self._output.write(chunk)
            left -= len(chunk)
        if left or digest.hexdigest() != part.sha512:
            raise Invalid("a part changed while it was written; begin anew")
        self._output.write(bytes(-part.size % BLOCK))

    def close(self) -> None:
        """The end mark."""
        self._output.write(bytes(2 * BLOCK))

    def _begin(self, name: str, size: int) -> None:
        header = tarfile.TarInfo(name)
        header.size, header.mode = size, 0o644
        self._output.write(header.tobuf(tarfile.USTAR_FORMAT))

    def _write(self, data: bytes) -> None:
        self._output.write(data + bytes(-len(data) % BLOCK))


class Reader:
    """Reads a bundle from a stream, in its order. Raises Malformed for a file that is none, or is damaged."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        size = self._begin(MANIFEST)
        if size > MOST_MANIFEST:
            raise Malformed("its manifest is too large")
        self.packages = _read_manifest(self._take(size))
        self._skip(-size % BLOCK)
        self._names = _names(self.packages)

    def part(self, part: Part) -> Iterator[bytes]:
        """The bytes of the next part, piece by piece; what it is digested to is checked at its end."""
        size = self._begin(next(self._names))
        if size != part.size:
            raise Malformed("a part has another size than its manifest says")
        digest, left = hashlib.sha512(), size
        while left:
            chunk = self._take(min(CHUNK, left))
            digest.update(chunk)
            left -= len(chunk)
            yield chunk
        self._skip(-size % BLOCK)
        if digest.hexdigest() != part.sha512:
            raise Malformed("a part has other bytes than its manifest says; the file is damaged")

    def close(self) -> None:
        """Whether this is the end, as it should be."""
        if self._take(BLOCK).strip(b"\0"):
            raise Malformed("it goes on behind its last part")

    def _begin(self, name: str) -> int:
        try:
            header = tarfile.TarInfo.frombuf(self._take(BLOCK), "ascii", "strict")
        except (tarfile.HeaderError, ValueError) as error:
            raise Malformed("it is no file of mirror_export, or is damaged") from error
        if header.type != tarfile.REGTYPE or header.name != name or header.size < 0:
            raise Malformed(f"{name} is not where it should be; it is no file of mirror_export, or is damaged")
        return header.size

    def _take(self, size: int) -> bytes:
        found = bytearray()
        while len(found) < size and (chunk := self._source.read(size - len(found))):
            found += chunk
        if len(found) < size:
            raise Malformed("it ends too early")
        return bytes(found)

    def _skip(self, size: int) -> None:
        self._take(size)


def _names(packages: list[Bundled]) -> Iterator[str]:
    for at, bundled in enumerate(packages, 1):
        yield f"packuments/{at:06}.json.gz"
        for which in range(1, len(bundled.tarballs) + 1):
            yield f"tarballs/{at:06}-{which:06}.tgz"


def _read_manifest(data: bytes) -> list[Bundled]:
    try:
        said = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Malformed("its manifest is not JSON") from error
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise Malformed("it is of another version of this product, or no file of mirror_export")
    try:
        found = [_bundled(each) for each in said["packages"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Malformed("its manifest cannot be read") from error
    if len(found) > MOST_PACKAGES or sum(len(each.tarballs) for each in found) > MOST_TARBALLS:
        raise Malformed("it holds too much")
    if len({each.name for each in found}) < len(found):
        raise Malformed("it holds a package twice")
    return found


def _bundled(said: dict) -> Bundled:
    tarballs = {_text(number): _part(part) for number, part in said["tarballs"].items()}
    packument, upstream = _part(said["packument"]), _text(said["upstream"])
    if packument.size > MOST_PACKUMENT or not _HOST.fullmatch(upstream):
        raise ValueError
    return Bundled(_text(said["name"]), upstream, said["is_full"] is True, packument, tarballs)


def _part(said: dict) -> Part:
    size, digest = said["size"], _text(said["sha512"])
    if type(size) is not int or not 0 < size <= MOST_BYTES or len(digest) != 128:
        raise ValueError
    return Part(size, digest)


def _text(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT or not value.isprintable():
        raise ValueError
    return value
