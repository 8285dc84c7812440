"""Bodies and tarballs as clients make them, and the ways to spoil them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable
from typing import Any

File = tuple[str, bytes]


def tarball(*files: File, package_json: dict[str, Any] | None = None, folder: str = "package") -> bytes:
    """A good tarball made by the standard library; `package_json` comes first."""
    manifest = package_json if package_json is not None else {"name": "widget", "version": "1.0.0"}
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for path, data in (("package.json", json.dumps(manifest).encode()), *files):
            info = tarfile.TarInfo(f"{folder}/{path}")
            info.size, info.mode = len(data), 0o644
            archive.addfile(info, io.BytesIO(data))
    return output.getvalue()


def header(
    path: str | bytes, size: int = 0, kind: bytes = b"0", *, mode: bytes = b"000644 \0", size_field: bytes = b""
) -> bytes:
    """One 512-byte tar header with a right checksum, whatever else is wrong."""
    name = path.encode() if isinstance(path, str) else path
    block = bytearray(512)
    block[: len(name)] = name
    block[100:108] = mode
    block[124:136] = size_field or b"%011o\0" % size
    block[156:157] = kind
    block[257:265] = b"ustar\x0000"
    return sealed(block)


def sealed(block: bytearray) -> bytes:
    """The header with its checksum put right."""
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def entry(path: str | bytes, data: bytes = b"", kind: bytes = b"0") -> bytes:
    return header(path, len(data), kind) + data + bytes(-len(data) % 512)


def pax(**records: str | bytes) -> bytes:
    """A pax header for the entry that follows."""
    return entry("PaxHeader/x", b"".join(_record(key, value) for key, value in records.items()), b"x")


def _record(key: str, value: str | bytes) -> bytes:
    body = key.encode() + b"=" + (value.encode() if isinstance(value, str) else value) + b"\n"
    length = len(body) + 2
    while len(b"%d %s" % (length, body)) != length:
        length += 1
    return b"%d %s" % (length, body)


PACKAGE_JSON = entry("package/package.json", b'{"name": "widget", "version": "1.0.0"}')


def packed(*parts: bytes, end: bytes = bytes(1024), manifest: bytes = PACKAGE_JSON) -> bytes:
    """A gzipped archive of hand-made parts behind a good package.json."""
    return gzip.compress(b"".join((manifest, *parts, end)), compresslevel=6)


def publish_document(
    name: str = "@acme/widget", version: str = "1.0.0", data: bytes = b"tarball", **manifest: Any
) -> dict[str, Any]:
    """What npm sends to publish; change it, then `body` it."""
    return {
        "_id": name,
        "name": name,
        "dist-tags": {"latest": version},
        "versions": {
            version: {
                "name": name,
                "version": version,
                "_id": f"{name}@{version}",
                "readme": "# widget",
                "dist": {
                    "integrity": "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode(),
                    "shasum": hashlib.sha1(data, usedforsecurity=False).hexdigest(),
                    "tarball": f"http://localhost/{name}/-/{name}-{version}.tgz",
                },
                **manifest,
            }
        },
        "access": None,
        "_attachments": {
            f"{name}-{version}.tgz": {
                "content_type": "application/octet-stream",
                "data": base64.b64encode(data).decode(),
                "length": len(data),
            }
        },
    }


def body(document: Any) -> bytes:
    return json.dumps(document).encode()


class Pieces:
    """A stream that gives its bytes in the pieces it was made of, however much is asked for."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = list(pieces)

    def read(self, size: int, /) -> bytes:
        while self._pieces and not self._pieces[0]:
            self._pieces.pop(0)
        if not self._pieces:
            return b""
        piece, self._pieces[0] = self._pieces[0][:size], self._pieces[0][size:]
        return piece
