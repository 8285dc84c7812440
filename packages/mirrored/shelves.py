"""A mirrored package as pages see it: what upstream lists, what of it is here, what may not be had."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from django.core.cache import caches
from django.db.models import Q
from django.utils import timezone

from accounts.actor import Actor
from packages import files, quarantine, readmes, rules
from packages.models import Mirror, MirrorVersion, Package, Version
from packages.names import MAX_SAFE_INTEGER
from packages.rules import Effective, Hold, showing, telling
from packages.rules.showing import Explanation
from packages.upstream import documents, mirroring
from registry_site.errors import Invalid, NotFound, Unavailable

README_SECONDS = 60 * 60 * 24
MOST_TAGS = 100
_CACHE = "upstream"
_HEAVY = ("full", "abbreviated", "readme", "readme_html")
_EARLY = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Tag:
    """A tag of upstream, and the number it points at."""

    name: str
    number: str


@dataclass(frozen=True)
class Kept:
    """How much of a package is here: versions, and the bytes of their tarballs."""

    count: int
    size: int


@dataclass
class Shelf:
    """A mirrored package for one actor. package: found for the actor; mirror: what upstream said of it."""

    actor: Actor
    package: Package
    mirror: Mirror

    @cached_property
    def source(self) -> dict[str, Any]:
        return mirroring.source(self.mirror) if self.mirror.source else {"versions": {}, "dist-tags": {}}

    @cached_property
    def manifests(self) -> dict[str, dict[str, Any]]:
        """Of each version that upstream lists now."""
        return self.source["versions"]

    @cached_property
    def rows(self) -> list[MirrorVersion]:
        """Every version that upstream ever listed, newest first."""
        return sorted(self._rows(Q()), key=lambda row: (row.published_at or _EARLY, row.pk), reverse=True)

    @cached_property
    def kept(self) -> Kept:
        """What is here of it."""
        versions = [row.version for row in self._near.values() if row.version is not None]
        return Kept(len(versions), sum(version.size for version in versions if version.erased_at is None))

    @cached_property
    def holds(self) -> dict[str, Hold]:
        """The versions that rules keep from the actor, by number."""
        if not self._rules.fingerprint:
            return {}
        return self._rules.held(self.package.name, self.rows, timezone.now())

    @property
    def latest(self) -> str:
        """The version that installing without a number gives; upstream's when nothing can be installed."""
        return self._tags.get("latest", "")

    @property
    def upstream_latest(self) -> str:
        """The version that upstream calls the latest."""
        return self.source["dist-tags"].get("latest", "")

    def why_held(self, number: str) -> str:
        """Why a version is held back for the actor, as a sentence without its full stop; "" when it is not."""
        hold = self.holds.get(number)
        return telling.sentence(hold) if hold is not None else ""

    @property
    def explained(self) -> Explanation | None:
        """What the rules mean for the package and the actor; None where there are none."""
        if not self._rules.checks:
            return None
        versions = {row.number: row for row in self.rows if row.removed_at is None}
        held = {number: hold for number, hold in self.holds.items() if number in versions}
        found = showing.told(self._rules, self.package, versions, held)
        return replace(found, instead=self.latest) if found.instead else found

    @property
    def is_gone(self) -> bool:
        return self.mirror.state == Mirror.State.GONE

    @property
    def tags(self) -> list[Tag]:
        """The tags as clients get them, `latest` first."""
        names = sorted(self._tags, key=lambda name: (name != "latest", name))
        return [Tag(name, self._tags[name]) for name in names[:MOST_TAGS]]

    @property
    def is_stale(self) -> bool:
        return mirroring.is_stale(self.mirror)

    def version(self, number: str = "", *, is_bare: bool = False) -> Version:
        """A version as templates show one; a row that is not saved when its tarball is not here.

        number: "" for the latest. is_bare: nothing of its content is shown, so it may be in quarantine.
        Raises NotFound, Quarantined.
        """
        number = number or self.latest
        row = self._near.get(number) or next(iter(self._rows(Q(number=number))), None)
        manifest = self.manifests.get(number)
        if row is None or (manifest is None and row.version is None):
            raise NotFound(f"{self.package.name} has no version {number}")
        if not is_bare and (held := quarantine_of(row)) is not None:
            raise quarantine.refusal(self.package, number, held[1])
        shown = row.version or _unfetched(self.package, row, manifest or {})
        if manifest is not None:
            shown.manifest = manifest
        shown.package = self.package
        shown.deprecated = row.deprecated
        return shown

    def readme(self, version: Version) -> str:
        """The readme of a version as HTML, its links to files as `readmes.linked` wants them; "" for none.

        Of one whose tarball is not here, what upstream shows beside the latest.
        """
        key = f"readme:{self.mirror.pk}:{self.mirror.revision}:{version.number}:{version.blob}".replace("/", ":")
        cache = caches[_CACHE]
        html = cache.get(key)
        if html is None:
            text = version.readme if version.pk else ""
            if not text and version.number == self.upstream_latest:
                text = self.source.get("readme", "")
            html = readmes.render(text, _paths(version)) if text else ""
            cache.set(key, html, README_SECONDS)
        return html

    @cached_property
    def _rules(self) -> Effective:
        return rules.effective(self.actor)

    @cached_property
    def _tags(self) -> dict[str, str]:
        tags = self.source["dist-tags"]
        out = self.holds.keys() | {row.number for row in self._near.values() if quarantine_of(row) is not None}
        left = {number: each for number, each in self.manifests.items() if number not in out} if out else None
        return documents.tags_left(tags, left, out) if left else tags

    @cached_property
    def _near(self) -> dict[str, MirrorVersion]:
        # What every page needs, in one question: the latest version, those that are here, those that must not be.
        if "rows" in self.__dict__:
            return {row.number: row for row in self.rows}
        wanted = Q(number=self.upstream_latest) | Q(version__isnull=False) | Q(quarantined_at__isnull=False)
        return {row.number: row for row in self._rows(wanted)}

    def _rows(self, wanted: Q) -> list[MirrorVersion]:
        found = self.mirror.versions.filter(wanted).select_related("version")
        return list(found.defer(*(f"version__{each}" for each in _HEAVY)))


def quarantine_of(row: MirrorVersion) -> tuple[datetime, str] | None:
    """Since when a version is in quarantine, and why; None when it is not."""
    for each in (row, row.version):
        if each is not None and each.quarantined_at is not None:
            return each.quarantined_at, each.quarantine_reason
    return None


def amount(value: Any) -> int | None:
    """A number that upstream says of files or bytes; None for what is none."""
    return value if type(value) is int and 0 <= value <= MAX_SAFE_INTEGER else None


def _unfetched(package: Package, row: MirrorVersion, manifest: dict[str, Any]) -> Version:
    dist = manifest.get("dist", {})
    return Version(
        package=package,
        number=row.number,
        published_at=row.published_at,
        unpacked_size=amount(dist.get("unpackedSize")),
        file_count=amount(dist.get("fileCount")),
    )


def _paths(version: Version) -> list[str]:
    if not version.pk:
        return []
    try:
        return list(files.listing(version))
    except (Invalid, Unavailable):
        return []
