"""Ranges of versions, as npm reads them (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import nodesemver

MAX_RANGE = 1_000


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


def _place(number: str) -> tuple:
    # What the library compares, a hundred times as fast: some packages have thousands of versions.
    core, _, pre = number.partition("+")[0].partition("-")
    parts = [(0, int(each), "") if each.isdecimal() else (1, 0, each) for each in pre.split(".")] if pre else []
    return tuple(int(each) for each in core.split(".")), not pre, parts


@lru_cache(maxsize=4096)
def _read(text: str) -> nodesemver.Range | None:
    try:
        return nodesemver.make_range(text, False)
    except (ValueError, TypeError):
        return None


def _is_inside(wanted: nodesemver.Range, number: str) -> bool:
    try:
        if wanted.test(number):
            return True
        # The library leaves prereleases out, or compares their three numbers alone: 2.0.0-rc.1 is below 2.0.0.
        version = nodesemver.make_semver(number, False)
        return any(all(each.test(version) for each in comparators) for comparators in wanted.set)
    except ValueError:
        return False
