"""How often each package was downloaded lately, on its row: the order of lists must not add up counts.

The writer of downloads adds what it writes; once a day all is counted again, because a week goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta

from django.db.models import F, Sum
from django.utils import timezone

from packages.models import DownloadCount, Package

DAYS = 7
_ROWS = 500  # in one statement


def grow(counts: Iterable[tuple[int, date, int]]) -> None:
    """Add downloads that were written just now, inside the transaction that wrote them.

    counts: for each some package's id, a day, and how many.
    """
    sums = Counter[int]()
    for package, day, count in counts:
        if day >= _first_day():
            sums[package] += count
    alike: dict[int, list[int]] = {}
    # Locked in one order first, because two processes write; nearly all of them were downloaded equally often.
    for package in (
        Package.objects.select_for_update().filter(pk__in=list(sums)).order_by("pk").values_list("pk", flat=True)
    ):
        alike.setdefault(sums[package], []).append(package)
    for count, packages in alike.items():
        for start in range(0, len(packages), _ROWS):
            some = Package.objects.filter(pk__in=packages[start : start + _ROWS])
            some.update(popularity=F("popularity") + count)


def count_again() -> None:
    """Count the last seven days of every package that had downloads in them, or before."""
    counts = DownloadCount.objects.filter(day__gte=_first_day()).order_by()
    now = dict(counts.values_list("package").annotate(Sum("count")))
    were = dict(Package.objects.exclude(popularity=0).order_by().values_list("pk", "popularity"))
    wrong: dict[int, list[int]] = {}
    for package in sorted(now.keys() | were.keys()):
        if now.get(package, 0) != were.get(package, 0):
            wrong.setdefault(now.get(package, 0), []).append(package)
    for count, packages in wrong.items():
        for start in range(0, len(packages), _ROWS):
            Package.objects.filter(pk__in=packages[start : start + _ROWS]).update(popularity=count)


def _first_day() -> date:
    return timezone.now().date() - timedelta(days=DAYS - 1)
