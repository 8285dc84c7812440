"""How often packages were downloaded, of what the asker may see.

The last day, week, month and year end today (UTC): what was downloaded a moment ago is in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import QuerySet, Sum
from django.utils import timezone

from accounts.actor import Actor
from packages import access
from packages.models import DownloadCount, Package
from registry_site.errors import Invalid

LENGTHS = {"last-day": 1, "last-week": 7, "last-month": 30, "last-year": 365}
MOST_DAYS = 549  # a year and a half, as on the public registry
MOST_PACKAGES = 128
TREND_WEEKS = 12
_DAYS = re.compile(r"(\d{4}-\d{2}-\d{2})(?::(\d{4}-\d{2}-\d{2}))?", re.ASCII)


@dataclass(frozen=True)
class Period:
    """Days, both included."""

    start: date
    end: date

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read `last-week`, `2026-01-31` or `2026-01-01:2026-01-31`. Raises Invalid."""
        if text in LENGTHS:
            return cls.last(LENGTHS[text])
        match = _DAYS.fullmatch(text)
        try:
            start = date.fromisoformat(match[1]) if match else None
            end = date.fromisoformat(match[2] or match[1]) if match else None
        except ValueError:
            start = None
        if start is None or end is None:
            raise Invalid("a period is last-day, last-week, last-month, last-year, a day as 2026-01-31, or two with :")
        if not 0 <= (end - start).days < MOST_DAYS:
            raise Invalid(f"a period has 1 to {MOST_DAYS} days, the first one first")
        return cls(start, end)

    @classmethod
    def last(cls, days: int) -> Period:
        """So many days, today included."""
        today = timezone.now().date()
        return cls(today - timedelta(days=days - 1), today)

    def days(self) -> list[date]:
        return [self.start + timedelta(days=n) for n in range((self.end - self.start).days + 1)]


@dataclass(frozen=True)
class Week:
    """Seven days, both ends included, and the downloads in them."""

    start: date
    end: date
    count: int


@dataclass(frozen=True)
class Trend:
    """Downloads of the last seven days, and of each of some weeks up to now, oldest first. end: the last day."""

    week: int
    weeks: list[int]
    end: date

    @property
    def change(self) -> int:
        """How many more the last seven days had than those before."""
        return self.weeks[-1] - self.weeks[-2]

    @property
    def each(self) -> list[Week]:
        """The weeks with their days."""
        ends = [self.end - timedelta(days=7 * back) for back in reversed(range(len(self.weeks)))]
        return [Week(end - timedelta(days=6), end, count) for end, count in zip(ends, self.weeks, strict=True)]


def find(actor: Actor, names: Iterable[str]) -> dict[str, Package]:
    """Those of some packages that the actor may see, by name; hidden ones are as absent as unknown ones.

    Raises Invalid for too many. Source: `GET /downloads/point/last-week/a,b`.
    """
    wanted = list(dict.fromkeys(names))
    if len(wanted) > MOST_PACKAGES:
        raise Invalid(f"ask for at most {MOST_PACKAGES} packages at once")
    return {package.name: package for package in access.visible_to(actor).filter(name__in=wanted)}


def total(packages: QuerySet[Package], period: Period) -> int:
    """All downloads of these packages in a period. packages: such as `access.visible_to` gives."""
    return _within(DownloadCount.objects.filter(package__in=packages.order_by().values("pk")), period)


def by_day(packages: QuerySet[Package], period: Period) -> dict[date, int]:
    """Downloads of these packages on each day of a period, days without any included."""
    counts = _counts(period).filter(package__in=packages.order_by().values("pk")).order_by()
    found = dict(counts.values_list("day").annotate(Sum("count")))
    return {day: found.get(day, 0) for day in period.days()}


def each_total(packages: Iterable[Package], period: Period) -> dict[int, int]:
    """Downloads of each package in a period, by its id; one query for all of them."""
    keys = [package.pk for package in packages]
    return dict(_counts(period).filter(package__in=keys).order_by().values_list("package").annotate(Sum("count")))


def each_by_day(packages: Iterable[Package], period: Period) -> dict[int, dict[date, int]]:
    """Downloads of each package on each day, by its id; days without any left out. One query."""
    keys = [package.pk for package in packages]
    found: dict[int, dict[date, int]] = {key: {} for key in keys}
    rows = _counts(period).filter(package__in=keys).order_by().values_list("package", "day").annotate(Sum("count"))
    for key, day, count in rows:
        found[key][day] = count
    return found


def by_version(package: Package, period: Period) -> dict[str, int]:
    """Downloads of each listed version that had any, by its number."""
    rows = _counts(period).filter(package=package, version__in=package.versions.listed()).order_by()
    return dict(rows.values_list("version__number").annotate(Sum("count")))


def trend(package: Package) -> Trend:
    """The line on a package's page. One query."""
    period = Period.last(7 * TREND_WEEKS)
    weeks = [0] * TREND_WEEKS
    for day, count in each_by_day([package], period)[package.pk].items():
        weeks[(day - period.start).days // 7] += count
    return Trend(weeks[-1], weeks, period.end)


def with_weekly(packages: Iterable[Package]) -> list[Package]:
    """The packages of a list, each with `weekly`, its downloads of the last seven days. One query for all."""
    listed = list(packages)
    weekly = each_total(listed, Period.last(7)) if listed else {}
    for package in listed:
        package.weekly = weekly.get(package.pk, 0)
    return listed


def _counts(period: Period) -> QuerySet[DownloadCount]:
    return DownloadCount.objects.filter(day__range=(period.start, period.end))


def _within(counts: QuerySet[DownloadCount], period: Period) -> int:
    return counts.filter(day__range=(period.start, period.end)).aggregate(all=Sum("count"))["all"] or 0
