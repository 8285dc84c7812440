"""Ranges of versions, as npm reads them (pure)."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import nodesemver

MAX_RANGE = 1_000
Place = tuple  # of a version among all others: what `_place` gives
Edge = tuple[Place, int]  # just before a version (0), or just behind it (1)
_LOWEST: Edge = (((), False, []), 0)
_HIGHEST: Edge = (((float("inf"),), True, []), 1)
_VERSION = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?", re.ASCII)


class Spans(NamedTuple):
    """Stretches of versions, ascending, none of which touches the next: from each start up to its end."""

    starts: list[Edge]
    ends: list[Edge]


def is_range(text: str) -> bool:
    """Whether npm would read this as a range; a version is one, too."""
    return 0 < len(text.strip()) <= MAX_RANGE and _read(text.strip()) is not None


def inside(text: str, numbers: Iterable[str]) -> list[str]:
    """Those of some versions that are in a range, prereleases included, in the order they came in.

    What is no range holds nothing, and what is no version is in none.
    """
    wanted = _read(text.strip()) if len(text) <= MAX_RANGE else None
    return [number for number in numbers if _is_inside(wanted, number)] if wanted is not None else []


def ascending(numbers: Iterable[str]) -> list[str]:
    """Versions from the lowest to the highest. Raises ValueError for what is no version."""
    return sorted(numbers, key=_place)


def _place(number: str) -> Place:
    # What the library compares, a hundred times as fast: some packages have thousands of versions.
    core, _, pre = number.partition("+")[0].partition("-")
    parts = [(0, int(each), "") if each.isdecimal() else (1, 0, each) for each in pre.split(".")] if pre else []
    return tuple(int(each) for each in core.split(".")), not pre, parts


@lru_cache(maxsize=4096)
def _read(text: str) -> Spans | None:
    try:
        found = nodesemver.make_range(text, False)
    except (ValueError, TypeError):
        return None
    spans = Spans([], [])
    for start, end in sorted(map(_span, found.set)):
        if spans.starts and start <= spans.ends[-1]:
            spans.ends[-1] = max(spans.ends[-1], end)
        elif start < end:
            spans.starts.append(start)
            spans.ends.append(end)
    return spans


def _span(bounds: list[nodesemver.Comparator]) -> tuple[Edge, Edge]:
    # All of the bounds of one alternative hold at once, so that they are one stretch.
    start, end = _LOWEST, _HIGHEST
    for bound in bounds:
        if not bound.value:  # `*`
            continue
        place, kind = _place(bound.semver.version), bound.operator
        if kind != "<" and kind != "<=":
            start = max(start, (place, int(kind == ">")))
        if kind != ">" and kind != ">=":
            end = min(end, (place, int(kind != "<")))
    return start, end


def _is_inside(wanted: Spans, number: str) -> bool:
    # Not asked of the library: it leaves prereleases out, takes 2.0.0-rc.1 for 2.0.0, and takes its time.
    if not _VERSION.fullmatch(number):
        return False
    edge = (_place(number), 0)
    at = bisect_right(wanted.starts, edge) - 1
    return at >= 0 and edge < wanted.ends[at]
