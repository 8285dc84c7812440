"""A folder of tarballs: each says what it is in the package.json inside, and nothing else is believed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from os import fstat
from pathlib import Path

from packages import listing, tarballs
from packages.moving import files, sources
from packages.moving.sources import Found, Told
from packages.names import clean_version
from packages.wire.intents import Spooled
from registry_site.errors import Invalid, NotFound, Refusal


class Folder:
    """The folder as a Source. access: the level of all of its packages. unreadable: files that are no packages."""

    is_near = True
    label = "tarballs"

    def __init__(self, root: Path, access: str) -> None:
        self._root, self._access = files.folder(root), access
        self._packages: dict[str, dict[str, list[Told]]] | None = None
        self.unreadable: dict[str, str] = {}

    def names(self) -> list[str]:
        """The names that the tarballs say; each is read once for it."""
        self._packages = {}
        for path in files.tarballs(self._root):
            place = "/".join(path)
            try:
                name, told = self._read(path, place)
            except Refusal as refusal:
                self.unreadable[place] = refusal.message
            else:
                self._packages.setdefault(name, {}).setdefault(told.number, []).append(told)
        return sorted(self._packages)

    def package(self, name: str) -> Found:
        """The versions of this name; two files that say they are one version have to be the same."""
        if self._packages is None:
            self.names()
        numbers = (self._packages or {}).get(name)
        if numbers is None:
            raise NotFound("there is no tarball of it")
        left, versions = {}, []
        for number, some in numbers.items():
            if len({each.integrity for each in some}) > 1:
                left[number] = f"{some[0].place} and {some[1].place} say they are this version, and differ"
            else:
                versions.append(some[0])
        versions.sort(key=lambda each: (each.published_at, each.number))
        tags = {"latest": listing.highest([each.number for each in versions])} if versions else {}
        return Found(sources.parsed(name), versions, self._access, tags, left=left)

    @contextmanager
    def tarball(self, found: Found, told: Told) -> Iterator[Spooled]:
        """The bytes of the file."""
        with self._spooled(tuple(told.place.split("/"))) as (spooled, _):
            yield spooled

    def _read(self, path: tuple[str, ...], place: str) -> tuple[str, Told]:
        with self._spooled(path) as (spooled, at):
            said = tarballs.inspect(spooled.path).package_json
            name, number = said.get("name"), said.get("version")
            if not isinstance(name, str) or not isinstance(number, str):
                raise Invalid("its package.json has no name, or no version")
            told = Told(clean_version(number), place, spooled.integrity, published_at=at)
            return name, told

    @contextmanager
    def _spooled(self, path: tuple[str, ...]) -> Iterator[tuple[Spooled, datetime]]:
        with files.opened(self._root, *path) as file:
            at = datetime.fromtimestamp(fstat(file.fileno()).st_mtime, UTC)
            with sources.spooled(files.chunks(file)) as spooled:
                yield spooled, at
