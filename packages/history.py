"""The versions of a package as its page lists them: which, how each was published, and who moved its tags."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import OuterRef, Q, Subquery, Sum
from django.utils import timezone

from accounts.models import AuditEvent, Token
from packages import releases, returns
from packages.downloads import Period
from packages.models import Attestation, DownloadCount, Package, Version
from packages.models.core import VersionSet
from registry_site.errors import Invalid

SHOWN_EVENTS = 300  # enough for the tags' history, and for who released the versions of the last pages
OFF_LIST_SHOWN = 200
_HEAVY = ("full", "abbreviated", "readme", "readme_html")
_RANGE_SIGNS = frozenset("<>=^~*|xX ")


class Numbered(NamedTuple):
    """A listed version, as little as it takes to find it."""

    pk: int
    number: str
    is_deprecated: bool


@dataclass(frozen=True)
class Move:
    """A tag was pointed at a version, or taken away (version is "")."""

    at: datetime
    who: str
    credential: str
    tags: list[str]
    version: str


def off_list(package: Package) -> tuple[list[Version], list[Version]]:
    """The versions in quarantine, for everybody who may read the package, and those that can be brought back, each
    with `until`, for those who manage it. Light rows, the last ones first."""
    since = timezone.now() - timedelta(days=settings.UNPUBLISHED_DAYS)
    # Two questions in one: each has an index of its own, so that the listed versions are not looked at.
    held_keys = package.versions.filter(unpublished_at=None, quarantined_at__isnull=False).order_by().values("pk")
    gone_keys = package.versions.filter(unpublished_at__gt=since, erased_at=None).order_by().values("pk")
    away = Version.objects.filter(pk__in=held_keys.union(gone_keys))
    columns = ("number", "package", "unpublished_at", "quarantined_at", "quarantine_reason", "published_at")
    held, gone = [], []
    for version in away.only(*columns)[:OFF_LIST_SHOWN]:
        if version.unpublished_at is None:
            held.append(version)
        else:
            version.until = returns.until(version.unpublished_at)
            gone.append(version)
    return held, sorted(gone, key=lambda version: version.unpublished_at, reverse=True)


def numbers(package: Package, start: int = 0, most: int | None = None) -> list[Numbered]:
    """The listed versions, newest first, with no more than their numbers: ten thousand of them are light.

    start, most: only so many, from there on.
    """
    listed = package.versions.listed().annotate(old=~Q(deprecated="")).order_by("-published_at", "-pk")
    end = None if most is None else start + most
    return [Numbered(*row) for row in listed.values_list("pk", "number", "old")[start:end]]


def matching(listed: list[Numbered], text: str = "", *, deprecated: bool = False) -> list[Numbered]:
    """Those whose number begins with a text, or is in the range that it is; what is neither matches nothing.

    deprecated: only those that are.
    """
    found = [each for each in listed if each.is_deprecated or not deprecated]
    if not _RANGE_SIGNS & set(text):
        start = text.lower().removeprefix("v")
        return [each for each in found if each.number.startswith(start)]
    try:
        inside = set(releases.matching((each.number for each in found), text))
    except Invalid:
        return []
    return [each for each in found if each.number in inside]


def rows(keys: list[int]) -> list[Version]:
    """These versions in this order, each with `weekly` (downloads), `token_name` and `source` (where it was built)."""
    week = Period.last(7)
    weekly = DownloadCount.objects.filter(version=OuterRef("pk"), day__range=(week.start, week.end)).order_by()
    token = Token.objects.filter(user=OuterRef("published_by"), prefix=OuterRef("published_via"))
    built = Attestation.objects.filter(version=OuterRef("pk")).exclude(source={}).values("source")[:1]
    found: VersionSet = Version.objects.filter(pk__in=keys).select_related("published_by").defer(*_HEAVY)
    by_key = found.annotate(
        weekly=Subquery(weekly.values("version").annotate(all=Sum("count")).values("all")),
        token_name=Subquery(token.values("name")[:1]),
        source=Subquery(built),
        is_attested=Subquery(Attestation.objects.filter(version=OuterRef("pk")).values("pk")[:1]),
    ).in_bulk()
    return [by_key[key] for key in keys if key in by_key]


def told(package: Package) -> tuple[list[Move], dict[str, str]]:
    """Who moved which tag when, and who released which staged version; out of the newest events. For insiders."""
    about = Q(action__in=("tag.set", "tag.removed", "version.published", "version.released"))
    events = AuditEvent.objects.filter(about, package=package.name).order_by("-at", "-pk")[:SHOWN_EVENTS]
    moves, released = [], {}
    for event in events:
        facts: dict[str, Any] = event.facts
        if event.action == "version.released":
            released.setdefault(facts["version"], event.actor_name)
        tags = [facts["tag"]] if "tag" in facts else facts.get("tags") or ["latest"]
        moves.append(Move(event.at, event.actor_name, event.credential, tags, facts.get("version", "")))
    return moves, released
