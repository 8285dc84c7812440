"""Tar's 512-byte headers and what stands before them: read as every client's tar reads them, or refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from packages.tarballs.gzip import Inflated
from packages.tarballs.limits import Limits, refusal

BLOCK = 512
DEFAULT_MODE = 0o644

_OCTAL = re.compile(rb"[0-7]{1,12}")
_PAX_LENGTH = re.compile(rb"([1-9][0-9]{0,6}) ")
_POSIX, _GNU, _V7 = b"ustar\x0000", b"ustar  \0", bytes(8)

_FILE, _DIRECTORY = b"0\0", b"5"
_PAX, _GLOBAL_PAX, _LONG_NAME = b"x", b"g", b"L"
_LINKS = b"12K"


@dataclass(frozen=True)
class Entry:
    """One file or directory. Its `size` bytes are next in the stream and must be read by whoever takes the entry."""

    path: str
    size: int
    mode: int
    is_directory: bool


@dataclass(frozen=True)
class _Header:
    path: bytes
    size: int
    mode: int
    kind: bytes


def entries(source: Inflated, limits: Limits) -> Iterator[Entry]:
    """Walk an archive to its very end. Raises Invalid for links, devices, unreadable or ambiguous headers."""
    extended: dict[str, bytes] = {}
    count = 0
    while (block := source.read(BLOCK)).strip(b"\0"):
        count += 1
        if count > limits.entries:
            raise refusal(f"it has more than {limits.entries} entries", "too_many_entries")
        header = _read_header(block)
        if header.kind in (_PAX, _GLOBAL_PAX, _LONG_NAME):
            extended |= _read_extension(header, source, limits, extended)
            continue
        yield _entry(header, extended)
        extended = {}
        source.read(-header.size % BLOCK)
    if extended:
        raise refusal("it ends after a header that announces another", "bad_archive")
    _require_only_zeros(source)


def _require_only_zeros(source: Inflated) -> None:
    while block := source.read(BLOCK):
        if block.strip(b"\0"):
            raise refusal("it goes on behind its end mark", "bad_archive")


def _read_header(block: bytes) -> _Header:
    if len(block) < BLOCK:
        raise refusal("it ends in the middle of a header", "bad_archive")
    if _octal(block[148:156]) != sum(block) - sum(block[148:156]) + 8 * ord(" "):
        raise refusal("a header has a wrong checksum, or it is no tar archive", "bad_archive")
    magic = block[257:265]
    if magic not in (_POSIX, _GNU, _V7):
        raise refusal("it is of an unknown kind of tar", "bad_archive")
    if magic != _POSIX and block[345:500].strip(b"\0"):
        # Some parsers read the first part of the path here, whatever the kind.
        raise refusal("a header has a part that its kind of tar does not have", "bad_archive")
    path = _text(block[:100])
    prefix = _text(block[345:500]) if magic == _POSIX else b""
    size = _octal(block[124:136])
    if size is None:
        raise refusal("an entry's size is not a plain octal number", "bad_archive")
    mode = _octal(block[100:108])
    return _Header(
        path=prefix + b"/" + path if prefix else path,
        size=size,
        mode=DEFAULT_MODE if mode is None else mode & 0o7777,
        kind=block[156:157],
    )


def _text(field: bytes) -> bytes:
    text, _, rest = field.partition(b"\0")
    if rest.strip(b"\0"):
        # Some parsers stop at the first NUL, others drop it only up to a line end.
        raise refusal("a name has a NUL inside", "entry_path")
    return text


def _octal(field: bytes) -> int | None:
    digits = field.lstrip(b" ").rstrip(b"\0 ")  # a NUL ends it: what stands behind one in front no client reads
    return int(digits, 8) if _OCTAL.fullmatch(digits) else (0 if not digits else None)


def _entry(header: _Header, extended: dict[str, bytes]) -> Entry:
    if header.kind in _LINKS:
        raise refusal(f"{_shown(header.path)} is a link; a package holds plain files", "entry_type")
    if header.kind not in _FILE and header.kind != _DIRECTORY:
        raise refusal(f"{_shown(header.path)} is neither a file nor a directory", "entry_type")
    if "size" in extended and extended["size"] != b"%d" % header.size:
        raise refusal(f"{_shown(header.path)} has two different sizes", "bad_archive")
    try:
        path = extended.get("path", header.path).decode()
    except UnicodeDecodeError:
        raise refusal(f"the name {_shown(header.path)} is not UTF-8", "entry_path") from None
    # Before there were types, a slash at the end made a directory; to some parsers it still does.
    if header.kind == b"\0" and header.path.endswith(b"/") != path.endswith("/"):
        raise refusal(f"{_shown(header.path)} is a directory to some, and a file to others", "bad_archive")
    is_directory = header.kind == _DIRECTORY or (header.kind == b"\0" and path.endswith("/"))
    if is_directory and header.size:
        raise refusal(f"the directory {_shown(header.path)} has contents", "bad_archive")
    return Entry(path.removesuffix("/") if is_directory else path, header.size, header.mode, is_directory)


def _read_extension(header: _Header, source: Inflated, limits: Limits, before: dict[str, bytes]) -> dict[str, bytes]:
    if header.size > limits.metadata:
        raise refusal(f"a header is over {limits.metadata // 1024} kB", "metadata_too_large")
    data = source.read(header.size)
    if len(data) < header.size:
        raise refusal("it ends in the middle of a header", "bad_archive")
    source.read(-header.size % BLOCK)
    found = {"path": data.removesuffix(b"\0")} if header.kind == _LONG_NAME else _pax_records(data)
    if b"\0" in found.get("path", b""):
        raise refusal("a name has a NUL inside", "entry_path")
    if header.kind == _GLOBAL_PAX:
        # git writes its commit here. A name or size for all that follows is read by some parsers only.
        if found.keys() & {"path", "size"}:
            raise refusal("a global header names a path or a size", "bad_archive")
        return {}
    if before and found:
        raise refusal("two headers describe one entry", "bad_archive")
    return found or {"": b""}


def _pax_records(data: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    at = 0
    while at < len(data):
        match = _PAX_LENGTH.match(data, at)
        end = at + int(match[1]) if match else 0
        if match is None or end > len(data) or end <= match.end() or data[end - 1 : end] != b"\n":
            raise refusal("a pax header is damaged", "bad_archive")
        key, separator, value = data[match.end() : end - 1].partition(b"=")
        if not separator or key.startswith(b"GNU.sparse."):
            raise refusal("a pax header is damaged, or of a sparse file", "bad_archive")
        if key in (b"path", b"size"):
            if key.decode() in found:
                raise refusal("a pax header names a path or a size twice", "bad_archive")
            found[key.decode()] = value
        at = end
    return found


def _shown(path: bytes) -> str:
    return ascii(path[:200].decode(errors="replace"))
