"""Download counts, in the shapes of the public registry's API; its addresses are outside `/-/`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from django.http import JsonResponse

from packages import access, downloads
from packages.access import Action
from packages.downloads import Period
from packages.models import Package


def point(request, period: str, names: str = "") -> JsonResponse:
    """`GET /downloads/point/last-week[/PKG[,PKG]]`: one number for each package, or one for all one may see."""
    days = Period.parse(period)
    if not names:
        return JsonResponse(_told(downloads.total(access.visible_to(request.actor), days), days))
    counts: Callable = lambda found: downloads.each_total(found, days)  # noqa: E731
    return _answer(request, names, days, counts, 0, lambda count: count)


def each_day(request, period: str, names: str = "") -> JsonResponse:
    """`GET /downloads/range/last-month[/PKG[,PKG]]`: a number for each day."""
    days = Period.parse(period)
    if not names:
        return JsonResponse(_told(_listed(downloads.by_day(access.visible_to(request.actor), days), days), days))
    counts: Callable = lambda found: downloads.each_by_day(found, days)  # noqa: E731
    return _answer(request, names, days, counts, {}, lambda each: _listed(each, days))


def versions(request, name: str, period: str) -> JsonResponse:
    """`GET /versions/PKG/last-week`: a number for each version."""
    package = access.find(request.actor, Action.VIEW, name)
    return JsonResponse({"package": package.name, "downloads": downloads.by_version(package, Period.parse(period))})


def _answer(request, names: str, days: Period, count: Callable, none: Any, shape: Callable) -> JsonResponse:
    wanted = names.split(",")
    if len(wanted) == 1:
        found = {names: access.find(request.actor, Action.VIEW, names)}
    else:
        request.actor.require_admitted()
        found = downloads.find(request.actor, wanted)
    counts = count(found.values())
    each = {name: _of(package, shape(counts.get(package.pk, none)), days) for name, package in found.items()}
    return JsonResponse(each[names] if len(wanted) == 1 else {name: each.get(name) for name in wanted})


def _of(package: Package, counts: Any, days: Period) -> dict[str, Any]:
    return _told(counts, days) | {"package": package.name}


def _told(counts: Any, days: Period) -> dict[str, Any]:
    return {"downloads": counts, "start": days.start.isoformat(), "end": days.end.isoformat()}


def _listed(counts: dict[date, int], days: Period) -> list[dict[str, Any]]:
    return [{"downloads": counts.get(day, 0), "day": day.isoformat()} for day in days.days()]
