"""What a lockfile says of each package, in words that are the same for all clients."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

MOST = 100_000  # packages of one lockfile
_NUMBER = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(?:[-+][0-9A-Za-z.+-]+)?", re.ASCII)


@dataclass(frozen=True)
class Pinned:
    """One version that comes from a registry.

    integrity: what its bytes have to be, "" where the lockfile does not say. host: of the link, "" without one.
    """

    name: str
    number: str
    integrity: str = ""
    host: str = ""

    def __str__(self) -> str:
        return f"{self.name}@{self.number}"


@dataclass(frozen=True)
class Elsewhere:
    """One package that comes from no registry: from git, from a folder, from a file at some address."""

    name: str
    where: str

    def __str__(self) -> str:
        return f"{self.name} ({self.where})"


@dataclass
class Found:
    """All that a lockfile asks for, each once."""

    pinned: dict[tuple[str, str], Pinned] = field(default_factory=dict)
    elsewhere: dict[str, Elsewhere] = field(default_factory=dict)

    def add(self, name: str, number: str, link: str = "", integrity: str = "") -> None:
        """Note one package. number: a version; anything else is where it comes from instead.

        link: where its tarball is; one that no registry would have for this version is no registry's.
        """
        host = host_of(link, name, number) if link else ""
        if not _NUMBER.fullmatch(number) or host is None:
            self.put_aside(name, link or number)
            return
        known = self.pinned.get((name, number))
        if known is None or (integrity and not known.integrity):
            self.pinned[name, number] = Pinned(name, number, integrity, host)

    def put_aside(self, name: str, where: str) -> None:
        """Note one package that no registry has."""
        self.elsewhere.setdefault(name, Elsewhere(name, where))

    def merge(self, other: Found) -> None:
        """Take what another lockfile asks for, too."""
        for each in other.pinned.values():
            known = self.pinned.get((each.name, each.number))
            if known is None or (each.integrity and not known.integrity):
                self.pinned[each.name, each.number] = each
        for aside in other.elsewhere.values():
            self.elsewhere.setdefault(aside.name, aside)


def host_of(link: str, name: str, number: str) -> str | None:
    """The host, with its port, that has a tarball where registries have it; None when this link is no such place."""
    try:
        parts = urlsplit(link)
        host = parts.netloc.rpartition("@")[2].lower()
    except ValueError:
        return None
    tail = f"/{name}/-/{name.rpartition('/')[2]}-{number.partition('+')[0]}.tgz"
    return host if parts.scheme in ("http", "https") and unquote(parts.path).endswith(tail) else None


def text(value: object) -> str:
    """A value of a lockfile as text, "" for anything else: what a lockfile holds is not to be believed."""
    return value if isinstance(value, str) else ""
