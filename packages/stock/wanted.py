"""What lockfiles ask the upstream registry for, and what of it is not upstream's to give."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from packages import lockfiles
from packages.lockfiles import Elsewhere, Found, Pinned
from packages.names import PackageName
from packages.stock.batches import batches
from packages.upstream import ownership, registries
from registry_site.errors import Invalid


@dataclass
class Wanted:
    """What to fetch, by name, and what is left alone.

    ours: versions of names that only this registry has. elsewhere: from git, folders and other addresses.
    foreign: from registries that nobody configured here, so that no upstream hears of their names.
    """

    names: dict[str, list[Pinned]] = field(default_factory=dict)
    ours: list[Pinned] = field(default_factory=list)
    elsewhere: list[Elsewhere] = field(default_factory=list)
    foreign: list[Pinned] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many versions are to be fetched."""
        return sum(map(len, self.names.values()))


def read(paths: Iterable[str], hosts: Iterable[str] = ()) -> Wanted:
    """What some lockfiles ask for, together.

    paths: of files here. hosts: of registries whose links mean the upstream's packages, besides those configured.
    Raises Invalid for a file that cannot be read, and as `lockfiles.read`.
    """
    found = Found()
    for path in paths:
        try:
            with Path(path).open("rb") as file:
                data = file.read(lockfiles.MAX_BYTES + 1)
        except OSError as error:
            raise Invalid(f"{path} cannot be read: {error.strerror}") from error
        found.merge(lockfiles.read(path, data))
    own = {urlsplit(settings.SITE_URL).netloc, settings.REGISTRY_HOST, *settings.ALLOWED_HOSTS}
    return _sorted(found, {host.lower() for host in {*own, *hosts} if host})


def _is_named(each: Pinned) -> bool:
    try:
        PackageName.parse(each.name, old=True)
    except Invalid:
        return False
    return True


def _sorted(found: Found, hosts: set[str]) -> Wanted:
    wanted = Wanted(elsewhere=sorted(found.elsewhere.values(), key=lambda each: each.name))
    pinned = sorted(filter(_is_named, found.pinned.values()), key=lambda each: (each.name, each.number))
    misnamed = [each for each in found.pinned.values() if not _is_named(each)]
    wanted.elsewhere += [Elsewhere(each.name, "this is no name of a package") for each in misnamed]
    names = sorted({each.name for each in pinned})
    ours = {name for some in batches(names) for name in ownership.ours(some)}
    for each in pinned:
        if each.name in ours:
            wanted.ours.append(each)
        elif _is_mirrored(each, hosts):
            wanted.names.setdefault(each.name, []).append(each)
        else:
            wanted.foreign.append(each)
    return wanted


def _is_mirrored(each: Pinned, hosts: set[str]) -> bool:
    # A name that another registry has may be a secret there, or somebody else's package here.
    registry = registries.for_name(each.name)
    theirs = registry.host.lower() if registry else ""
    return each.host in ("", theirs) or each.host in hosts or each.host.rpartition(":")[0] in hosts
