"""What a version depends on, as far as the asker may see it: where each dependency lives here, and how far behind."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import nodesemver

from accounts.actor import Actor
from packages import access, requirements
from packages.models import DistTag, MirrorVersion, Package, Version
from packages.requirements import KINDS, Requirement

LABELS = {
    "dependencies": "Dependencies",
    "peerDependencies": "Peer dependencies",
    "optionalDependencies": "Optional dependencies",
    "devDependencies": "Development dependencies",
}
LONGEST_RANGE = 200  # characters; reading a long one takes its time
SECONDS = 1.0
MOST_VERSIONS = 5_000  # that are looked through for all dependencies of a page together


@dataclass(frozen=True)
class Resolved:
    """One entry of a manifest, and what it comes to here.

    package: where it lives here, None when it does not or the asker may not see it. latest: its latest version.
    number: the highest listed version that the range takes, "" when it takes none, None when nobody looked.
    is_behind: whether the range leaves the latest version out. deprecated: why that version is.
    is_optional: a peer that may be missing. is_bundled: it comes inside the tarball.
    """

    asked: Requirement
    package: Package | None = None
    latest: str = ""
    number: str | None = None
    is_behind: bool = False
    deprecated: str = ""
    is_optional: bool = False
    is_bundled: bool = False


@dataclass(frozen=True)
class Candidates:
    """What a range may be answered with: versions with their deprecations, and the versions of tags."""

    versions: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


class Clock:
    """Ranges are read for so long; after that nothing more is said, because strangers write them."""

    def __init__(self) -> None:
        self._end = time.monotonic() + SECONDS

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self._end


def of(actor: Actor, manifest: dict[str, Any]) -> list[tuple[str, list[Resolved]]]:
    """The dependencies of a manifest in groups, each with its label; four queries however many there are."""
    clock = Clock()
    asked = list(requirements.listed(manifest))
    here = _here(actor, {each.name for each in asked if each.name})
    behind = {each for each in asked if each.name in here and not _takes_latest(each, here[each.name], clock)}
    candidates = _candidates(behind, here)
    groups: dict[str, list[Resolved]] = {kind: [] for kind in KINDS}
    for each in asked:
        found = _resolved(each, here.get(each.name), candidates.get(each.name) if each in behind else None, clock)
        more = {"is_optional": _is_optional(each, manifest), "is_bundled": _is_bundled(each, manifest)}
        groups[each.kind].append(replace(found, **more))
    return [(LABELS[kind], found) for kind, found in groups.items() if found]


def _here(actor: Actor, names: set[str]) -> dict[str, Package]:
    found = access.visible_to(actor).filter(name__in=names).exclude(latest=None, mirror=None)
    heavy = [f"latest__{field}" for field in ("full", "abbreviated", "readme", "readme_html")]
    return {each.name: each for each in found.select_related("latest", "mirror").defer(*heavy, "mirror__source")}


def _latest(package: Package) -> str:
    mirror = getattr(package, "mirror", None)
    return mirror.latest if mirror is not None else package.latest.number


def _candidates(behind: set[Requirement], here: dict[str, Package]) -> dict[str, Candidates]:
    found = {each.name: Candidates() for each in behind}
    if not found:
        return found
    packages = [here[name].pk for name in found]
    listed = Version.objects.listed().filter(package__in=packages).order_by("-published_at")
    for name, number, message in listed.values_list("package__name", "number", "deprecated")[:MOST_VERSIONS]:
        found[name].versions[number] = message
    if mirrored := [here[name].pk for name in found if here[name].mirrored]:
        known = MirrorVersion.objects.filter(mirror__package__in=mirrored, removed_at=None).order_by("-pk")
        for name, number, message in known.values_list("mirror__name", "number", "deprecated")[:MOST_VERSIONS]:
            found[name].versions[number] = message
    tags = DistTag.objects.filter(package__in=packages, name__in={each.range for each in behind})
    for name, tag, number in tags.values_list("package__name", "name", "version__number"):
        found[name].tags[tag] = number
    return found


def _resolved(asked: Requirement, package: Package | None, candidates: Candidates | None, clock: Clock) -> Resolved:
    if package is None:
        return Resolved(asked)
    found = Resolved(asked, package, _latest(package))
    if candidates is None:
        old = package.latest.deprecated if package.latest else "upstream deprecated it" * package.deprecated
        return replace(found, number=found.latest, deprecated=old)
    number = candidates.tags.get(asked.range) or _highest(candidates.versions, asked.range, clock)
    if number is None:
        return found
    return replace(found, number=number, is_behind=True, deprecated=candidates.versions.get(number, ""))


def _takes_latest(asked: Requirement, package: Package, clock: Clock) -> bool:
    latest = _latest(package)
    if asked.range in ("*", "latest", latest):
        return True
    wanted = None if clock.is_over else _range(asked.range)
    return wanted is not None and wanted.test(latest)


def _highest(numbers: Iterable[str], text: str, clock: Clock) -> str | None:
    wanted, taken = _range(text), []
    for number in numbers:
        if wanted is None or clock.is_over:
            return None
        if wanted.test(number):
            taken.append(number)
    return nodesemver.max_satisfying(taken, "*", loose=True, include_prerelease=True) if taken else ""


def _range(text: str) -> nodesemver.Range | None:
    try:
        return nodesemver.make_range(text, loose=True) if len(text) <= LONGEST_RANGE else None
    except ValueError:
        return None


def _is_optional(asked: Requirement, manifest: dict[str, Any]) -> bool:
    meta = manifest.get("peerDependenciesMeta")
    about = meta.get(asked.key) if asked.kind == "peerDependencies" and isinstance(meta, dict) else None
    return isinstance(about, dict) and about.get("optional") is True


def _is_bundled(asked: Requirement, manifest: dict[str, Any]) -> bool:
    bundled = manifest.get("bundleDependencies")
    return asked.kind != "devDependencies" and isinstance(bundled, list) and asked.key in bundled
