"""The choices beside a list of search results, each with the number of packages that the actor may see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.db.models import Count, F

from accounts.actor import Actor
from accounts.models import Scope
from packages import search
from packages.lookup import matching as lookup
from packages.models import Access, Package, Permission, PersonGrant
from packages.queries import Filters
from packages.search import Found
from registry_site.prepared import PreparedQuery

SHOWN = 8  # choices of one facet
_LEVELS = {"restricted": "Private", "public": "Public", "mirrored": "Mirrored"}
_YES_NO = {"no": "No", "yes": "Yes"}
_OF_CUBE = ("access", "mirrored", "license", "deprecated", "scope__name", "scope__kind")


@dataclass(frozen=True)
class Choice:
    """One value of a facet. value: what the address says. is_more: there are more than were counted."""

    value: str
    label: str
    count: int
    chosen: bool = False
    is_more: bool = False


@dataclass(frozen=True)
class Facet:
    """One way to narrow the results. name: of the field of Filters, and in the address."""

    name: str
    label: str
    choices: list[Choice]


@dataclass(frozen=True)
class Facets:
    """What the page of results shows beside them.

    total: packages that match text and filters. is_more: there are more than were counted. levels: those of the
    visibility, the first one without any.
    """

    total: int
    is_more: bool
    levels: list[Choice]
    more: list[Facet] = field(default_factory=list)


def of(actor: Actor, text: str, filters: Filters, found: Found) -> Facets:
    """Count what was found; two queries, and two more where something is chosen, however much there is.

    found: what the same search gave. A facet of the cube is counted as if nothing were chosen in it, so that one sees
    what another choice would give.
    """
    unchosen = Filters(maintainer=filters.maintainer, keyword=filters.keyword)
    wide = found if filters == unchosen else search.search(actor, text, filters=unchosen)
    rows = _read(wide)
    inside = rows if wide is found else _read(found)
    cube = _cube(rows)
    facets = [
        Facet("scope", "Scope", _choices(cube, filters, "scope", lambda value: f"@{value}")),
        Facet("maintainer", "Maintainer", _listed(_maintainers(_rows(cube, filters), found.keys), filters.maintainer)),
        Facet("keyword", "Keyword", _listed(_keywords(inside), filters.keyword)),
        Facet("license", "License", _choices(cube, filters, "license", str)),
        Facet("deprecated", "Deprecated", _choices(cube, filters, "deprecated", _YES_NO.__getitem__)),
    ]
    shown = [replace(each, choices=_bounded(each.choices, found, wide)) for each in facets if _tells(each)]
    return Facets(len(found), found.more, _bounded(_levels(cube, filters), found, wide), shown)


def _bounded(choices: list[Choice], found: Found, wide: Found) -> list[Choice]:
    # Of more than a search counts only the best are in the cube; what is chosen was counted by itself.
    if not wide.more:
        return choices
    return [
        replace(each, count=len(found), is_more=found.more) if each.chosen else replace(each, is_more=True)
        for each in choices
    ]


_ROWS = PreparedQuery(
    lambda keys: Package.objects.filter(pk__in=lookup.of(keys)).order_by().values_list("keywords", *_OF_CUBE),
    str,
    most=None,
)


def _read(found: Found) -> list[tuple]:
    return _ROWS.rows(lookup.joined(found.keys))


def _cube(rows: list[tuple]) -> list[dict[str, Any]]:
    counts = Counter(row[1:] for row in rows)
    return [
        {
            "access": "mirrored" if mirrored else level,
            "scope": scope or "",
            "person": kind == Scope.Kind.USER,
            "license": license_,
            "deprecated": "yes" if deprecated else "no",
            "count": count,
        }
        for (level, mirrored, license_, deprecated, scope, kind), count in counts.items()
    ]


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


def _maintainers(rows: list[dict[str, Any]], keys: list[int]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for row in rows:
        if row["person"]:
            sums[row["scope"]] += row["count"]
    grants = PersonGrant.objects.filter(package__in=lookup.of(lookup.joined(keys))).exclude(permission=Permission.READ)
    grants = grants.exclude(package__scope__kind=Scope.Kind.ORG).exclude(package__scope__user=F("user"))
    sums.update(dict(grants.order_by().values_list("user__username").annotate(Count("pk"))))
    return sums


def _keywords(rows: list[tuple]) -> Counter[str]:
    return Counter(word for keywords, *_ in rows for word in {word.lower() for word in keywords})


def _tells(facet: Facet) -> bool:
    # One choice that holds for everything narrows nothing down; "nothing is deprecated" is no news either.
    chosen = any(each.chosen for each in facet.choices)
    return chosen or len(facet.choices) > 1 or (facet.name in ("scope", "keyword") and bool(facet.choices))
