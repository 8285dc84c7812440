"""The choices beside a list of search results, each with the number of packages that the actor may see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.db.models import Count, F, QuerySet

from accounts.actor import Actor
from accounts.models import Scope
from packages import search
from packages.models import Access, Package, Permission, PersonGrant
from packages.queries import Filters, Query

SHOWN = 8  # choices of one facet
MOST_READ = 5_000  # packages whose keywords are counted
_LEVELS = {"restricted": "Private", "public": "Public", "mirrored": "Mirrored"}
_YES_NO = {"no": "No", "yes": "Yes"}


@dataclass(frozen=True)
class Choice:
    """One value of a facet. value: what the address says."""

    value: str
    label: str
    count: int
    chosen: bool = False


@dataclass(frozen=True)
class Facet:
    """One way to narrow the results. name: of the field of Filters, and in the address."""

    name: str
    label: str
    choices: list[Choice]


@dataclass(frozen=True)
class Facets:
    """What the page of results shows beside them.

    total: packages that match text and filters. levels: those of the visibility, the first one without any.
    """

    total: int
    levels: list[Choice]
    more: list[Facet] = field(default_factory=list)


def of(actor: Actor, text: str, filters: Filters) -> Facets:
    """Count what the actor may see of what matches; three queries, however much that is.

    A facet of the cube is counted as if nothing were chosen in it, so that one sees what another choice would give.
    """
    found = search.matching(actor, Query.parse(text))
    found = search.narrowed(found, Filters(maintainer=filters.maintainer, keyword=filters.keyword))
    cube = list(_cube(found))
    inside = search.narrowed(found, filters).order_by()
    facets = [
        Facet("scope", "Scope", _choices(cube, filters, "scope", lambda value: f"@{value}")),
        Facet("maintainer", "Maintainer", _listed(_maintainers(_rows(cube, filters), inside), filters.maintainer)),
        Facet("keyword", "Keyword", _listed(_keywords(inside), filters.keyword)),
        Facet("license", "License", _choices(cube, filters, "license", str)),
        Facet("deprecated", "Deprecated", _choices(cube, filters, "deprecated", _YES_NO.__getitem__)),
    ]
    total = sum(row["count"] for row in _rows(cube, filters))
    return Facets(total, _levels(cube, filters), [each for each in facets if _tells(each)])


def _cube(found: QuerySet[Package]) -> Iterable[dict[str, Any]]:
    columns = found.order_by().values("access", "mirrored", "license", "deprecated", "scope__name", "scope__kind")
    for row in columns.annotate(count=Count("pk")):
        yield {
            "access": "mirrored" if row["mirrored"] else row["access"],
            "scope": row["scope__name"] or "",
            "person": row["scope__kind"] == Scope.Kind.USER,
            "license": row["license"],
            "deprecated": "yes" if row["deprecated"] else "no",
            "count": row["count"],
        }


def _rows(cube: list[dict[str, Any]], filters: Filters) -> list[dict[str, Any]]:
    wanted = {name: value for name, value in asdict(filters).items() if value and name not in ("maintainer", "keyword")}
    return [row for row in cube if all(row[name] == value for name, value in wanted.items())]


def _sums(cube: list[dict[str, Any]], filters: Filters, name: str) -> Counter[str]:
    sums: Counter[str] = Counter()
    for row in _rows(cube, replace(filters, **{name: ""})):
        sums[row[name]] += row["count"]
    return sums


def _levels(cube: list[dict[str, Any]], filters: Filters) -> list[Choice]:
    sums = _sums(cube, filters, "access")
    kept = [word for word in _LEVELS if word in Access.values or sums[word] or filters.access == word]
    choices = [Choice(word, _LEVELS[word], sums[word], filters.access == word) for word in kept]
    return [Choice("", "All", sum(sums.values()), not filters.access), *choices]


def _choices(cube: list[dict[str, Any]], filters: Filters, name: str, label: Callable[[str], str]) -> list[Choice]:
    sums = _sums(cube, filters, name)
    del sums[""]
    return _listed(sums, getattr(filters, name), label)


def _listed(sums: Counter[str], chosen: str, label: Callable[[str], str] = str) -> list[Choice]:
    best = sorted(sums.items(), key=lambda each: (-each[1], each[0]))[:SHOWN]
    if chosen and chosen not in dict(best):
        best.append((chosen, sums[chosen]))
    return [Choice(value, label(value), count, value == chosen) for value, count in best]


def _maintainers(rows: list[dict[str, Any]], found: QuerySet[Package]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for row in rows:
        if row["person"]:
            sums[row["scope"]] += row["count"]
    grants = PersonGrant.objects.filter(package__in=found.values("pk")).exclude(permission=Permission.READ)
    grants = grants.exclude(package__scope__kind=Scope.Kind.ORG).exclude(package__scope__user=F("user"))
    sums.update(dict(grants.order_by().values_list("user__username").annotate(Count("pk"))))
    return sums


def _keywords(found: QuerySet[Package]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for words in found.exclude(keywords=[]).values_list("keywords", flat=True)[:MOST_READ]:
        sums.update({word.lower() for word in words})
    return sums


def _tells(facet: Facet) -> bool:
    # One choice that holds for everything narrows nothing down; "nothing is deprecated" is no news either.
    chosen = any(each.chosen for each in facet.choices)
    return chosen or len(facet.choices) > 1 or (facet.name in ("scope", "keyword") and bool(facet.choices))
