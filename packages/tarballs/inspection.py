"""Reads a tarball once and says what a registry has to know about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packages.tarballs.gzip import Inflated
from packages.tarballs.headers import Entry, entries
from packages.tarballs.limits import Limits, refusal
from packages.tarballs.paths import Names
from registry_site import strictjson
from registry_site.errors import Refusal

OVERLAP = 512

_README = re.compile(r"readme(?:\.[a-z]+)?", re.IGNORECASE | re.ASCII)
_MARKDOWN = ("readme.md", "readme.markdown", "readme.mdown", "readme.mkd", "readme.mkdn", "readme.mdwn")


@dataclass(frozen=True)
class Facts:
    """What was found. Paths are below the top folder.

    files: path, size and mode of every file, in the archive's order; the mode is to be shown, never applied.
    readme: at most `Limits.readme` bytes of it.
    has_gyp: npm compiles a package with a `binding.gyp` at its root when it is installed.
    """

    package_json: dict[str, Any]
    files: list[tuple[str, int, int]]
    file_count: int
    unpacked_size: int
    readme: str | None
    readme_filename: str | None
    has_gyp: bool
    has_shrinkwrap: bool


def inspect(path: Path, *, limits: Limits = Limits(), forbidden: re.Pattern[bytes] | None = None) -> Facts:  # noqa: B008
    """Walk the tarball at `path` without extracting anything.

    forbidden: what no file may contain, at most 512 bytes long: our own access tokens.
    Raises Invalid, with a code for the kind of refusal, for everything that clients could read in two ways, that asks
    for more than `limits`, or that has no readable `package.json`.
    Source: `npm publish`, after the body was read; the facts make the manifest, the page and the list of files.
    """
    reader = _Reader(limits, forbidden)
    with Inflated(path, limits) as source:
        for entry in entries(source, limits):
            reader.take(entry, source)
    return reader.facts()


class _Reader:
    def __init__(self, limits: Limits, forbidden: re.Pattern[bytes] | None) -> None:
        self._limits = limits
        self._forbidden = forbidden
        self._names = Names(limits)
        self._files: list[tuple[str, int, int]] = []
        self._package_json: bytes | None = None
        self._readme: bytes | None = None
        self._readme_filename: str | None = None

    def take(self, entry: Entry, source: Inflated) -> None:
        path = self._names.take(entry)
        if entry.is_directory:
            return
        self._files.append((path, entry.size, entry.mode))
        kept = self._read(path, entry.size, source, self._worth_keeping(path, entry.size))
        if path == "package.json":
            self._package_json = kept
        elif kept:
            self._readme, self._readme_filename = kept, path

    def facts(self) -> Facts:
        self._names.require_consistent()
        if self._package_json is None:
            raise refusal("it has no package.json in its top folder", "package_json")
        roots = {path for path, _, _ in self._files if "/" not in path}
        return Facts(
            package_json=_parse_package_json(self._package_json, self._limits),
            files=self._files,
            file_count=len(self._files),
            unpacked_size=sum(size for _, size, _ in self._files),
            readme=_readable(self._readme),
            readme_filename=self._readme_filename,
            has_gyp="binding.gyp" in roots,
            has_shrinkwrap="npm-shrinkwrap.json" in roots,
        )

    def _worth_keeping(self, path: str, size: int) -> int:
        if path == "package.json":
            if size > self._limits.package_json:
                raise refusal(f"its package.json is over {self._limits.package_json // 1024} kB", "package_json")
            return size
        better = _README.fullmatch(path) and _rank(path) < _rank(self._readme_filename)
        return self._limits.readme if better and size else 0

    def _read(self, path: str, size: int, source: Inflated, keep: int) -> bytes:
        kept, seen, before = bytearray(), 0, b""
        for piece in source.slices(size):
            seen += len(piece)
            kept += piece[: max(keep - len(kept), 0)]
            if self._forbidden:
                if self._forbidden.search(before + piece):
                    raise refusal(f"{path} holds an access token of this registry", "secret_in_package")
                before = (before + piece)[-OVERLAP:]
        if seen < size:
            raise refusal(f"it ends in the middle of {path}", "bad_archive")
        return bytes(kept)


def _rank(path: str | None) -> tuple[int, str]:
    # npm shows the README in Markdown where there are several.
    if path is None:
        return (9, "")
    name = path.lower()
    return (_MARKDOWN.index(name) if name in _MARKDOWN else (7 if name == "readme" else 8), name)


def _readable(readme: bytes | None) -> str | None:
    if readme is None:
        return None
    return readme.decode("utf-8-sig", errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _parse_package_json(data: bytes, limits: Limits) -> dict[str, Any]:
    try:
        value = strictjson.read(data, limit=limits.package_json)
    except Refusal as fault:
        raise refusal(f"its package.json is not strict JSON ({fault.message})", "package_json") from None
    if not isinstance(value, dict):
        raise refusal("its package.json is not an object", "package_json")
    return value
