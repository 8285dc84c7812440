"""A storage folder of verdaccio: untrusted files, none of which says where another one is.

    storage/.verdaccio-db.json         the names of the packages that were published there
    storage/@acme/ledger/package.json  the packument, with what verdaccio keeps for itself
    storage/@acme/ledger/*.tgz

What it has only from an uplink is left to our own mirror.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from packages.models import Access
from packages.moving import files, rules, sources
from packages.moving.rules import Rule
from packages.moving.sources import MOST_PACKAGES, Found, Told
from packages.names import PackageName
from packages.upstream import reading
from packages.wire.intents import Spooled
from registry_site.errors import Invalid, Malformed, NotFound

DATABASES = (".verdaccio-db.json", ".sinopia-db.json")
CONFIGS = ("config.yaml", "config.yml", "conf/config.yaml", "conf/config.yml")
PASSWORDS = ("htpasswd", "conf/htpasswd", "storage/htpasswd")
MOST_DATABASE = 32 << 20


class Storage:
    """The folder as a Source. root: the storage folder itself, or one that has `storage/`."""

    is_near = True
    label = "verdaccio"

    def __init__(self, root: Path, config: Path | None = None) -> None:
        self._top = files.folder(root)
        self._storage = files.folder(self._top / "storage") if (self._top / "storage").is_dir() else self._top
        self.rules = self._read_rules(config)

    @property
    def passwords(self) -> Path | None:
        """Its htpasswd, where it lies beside or in the storage folder."""
        return next((self._top / each for each in PASSWORDS if self._has(each)), None)

    def names(self) -> list[str]:
        """What was published there; without verdaccio's own list, every folder with versions of its own."""
        for name in DATABASES:
            if (self._storage / name).is_file():
                return _listed(files.read(self._storage, name, most=MOST_DATABASE))
        return [name for name in self._folders() if self._has_own(name)]

    def package(self, name: str) -> Found:
        """What lies in a package's own folder. Raises Refusal."""
        parsed = sources.parsed(name)
        raw = self._document(parsed)
        try:
            body = orjson.dumps({key: value for key, value in raw.items() if not key.startswith("_")} | {"_id": name})
        except orjson.JSONEncodeError:
            raise Malformed("its package.json is nested too deep") from None
        read = reading.read(body, parsed, is_full=True)
        elsewhere = raw.get("_distfiles") if isinstance(raw.get("_distfiles"), dict) else {}
        told = sources.versions_of(read)
        own = [each for each in told if parsed.tarball(each.number) not in elsewhere]
        rule = rules.rule_of(self.rules, parsed.full)
        if rule is None and self.rules:  # verdaccio then lets nobody in
            rule = Rule(place=0, pattern=parsed.full, access=(), publish=())
        return Found(
            name=parsed,
            versions=own,
            level=Access.PUBLIC if rule and rule.is_public else Access.RESTRICTED,
            tags=read.document["dist-tags"],
            modified_at=read.modified_at,
            maintainers=sources.people_of(raw.get("maintainers")),
            rule=rule,
            left=read.dropped,
            mirrored=len(told) - len(own),
        )

    @contextmanager
    def tarball(self, found: Found, told: Told) -> Iterator[Spooled]:
        """The bytes of the one file that this version can be in. Raises NotFound when it is not there."""
        path = (*found.name.full.split("/"), found.name.tarball(told.number))
        with files.opened(self._storage, *path) as file, sources.spooled(files.chunks(file)) as spooled:
            yield spooled

    def _read_rules(self, config: Path | None) -> list[Rule]:
        place = config or next((self._top / each for each in CONFIGS if (self._top / each).is_file()), None)
        if place is None:
            return []
        try:
            return rules.read(files.read(place.parent, place.name, most=rules.MAX_CONFIG))
        except Invalid as refusal:
            raise Invalid(f"{place}: {refusal.message}") from None

    def _document(self, name: PackageName) -> dict[str, Any]:
        data = files.read(self._storage, *name.full.split("/"), "package.json", most=reading.MOST_BYTES)
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise Malformed("its package.json is not JSON") from None
        if not isinstance(value, dict):
            raise Malformed("its package.json is not an object")
        return value

    def _folders(self) -> Iterator[str]:
        for each in files.folders(self._storage):
            if each.startswith("@"):
                yield from (f"{each}/{base}" for base in files.folders(self._storage / each))
            else:
                yield each

    def _has(self, place: str) -> bool:
        try:
            with files.opened(self._top, *place.split("/")):
                return True
        except (NotFound, Invalid):  # also for a link, which leads anywhere
            return False

    def _has_own(self, name: str) -> bool:
        try:
            return bool(self.package(name).versions)
        except NotFound:
            return False
        except (Invalid, Malformed):
            return True  # it is told of when its turn comes


def _listed(data: bytes) -> list[str]:
    try:
        said = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise Malformed("verdaccio's own list of packages is not JSON") from None
    names = said.get("list") if isinstance(said, dict) else None
    if not isinstance(names, list) or len(names) > MOST_PACKAGES:
        raise Malformed("verdaccio's own list of packages has none, or too many")
    return list(dict.fromkeys(name for name in names if isinstance(name, str)))
