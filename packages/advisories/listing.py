"""All advisories that somebody may see, for the page about everything."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from accounts.actor import Actor
from packages import access, ranges
from packages.models import Advisory, Version

MOST_NUMBERS = 2_000  # versions that are here, of the packages on one page
SHOWN = 8


@dataclass(frozen=True)
class Row:
    """An advisory, and the versions that it is about whose bytes are here."""

    advisory: Advisory
    here: list[str]
    more: int


def visible_to(actor: Actor, severity: str = "") -> QuerySet[Advisory]:
    """The standing advisories about packages here that the actor may see, newest first.

    severity: only those. What upstream says of a package that nobody mirrored is not among them.
    """
    packages = access.visible_to(actor).order_by()
    own = Q(package__in=packages.filter(mirrored=False).values("pk"))
    upstream = Q(package=None, name__in=packages.filter(mirrored=True).values("name"))
    found = Advisory.objects.standing().filter(own | upstream).defer("text", "html")
    found = found.select_related("package", "published_by")
    return found.filter(severity=severity) if severity else found


def with_versions(advisories: Iterable[Advisory]) -> list[Row]:
    """These advisories with the versions that they are about. One query for all of them."""
    listed = list(advisories)
    numbers: dict[str, list[str]] = {each.name: [] for each in listed}
    rows = Version.objects.listed().filter(package__name__in=numbers).order_by("-published_at", "-pk")
    for name, number in rows.values_list("package__name", "number")[:MOST_NUMBERS]:
        numbers[name].append(number)
    found = []
    for each in listed:
        inside = ranges.inside(each.range, numbers[each.name])
        found.append(Row(each, inside[:SHOWN], max(len(inside) - SHOWN, 0)))
    return found
