"""`npm search`, and the questions of `npm audit` that have an empty answer here."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.http import JsonResponse
from django.utils import timezone

from accounts.endpoint import page_address
from accounts.names import NO_REPLY_DOMAIN
from packages import downloads, manifests, packuments
from packages import search as searching
from packages.downloads import Period
from packages.links import link
from packages.models import Package

DEFAULT_SIZE = 20
MAX_SIZE = 250
MAX_FROM = 10_000
MOST = 1000  # packages in the map of npm 2, the last changed ones


def search(request) -> JsonResponse:
    """`npm search`: npm crashes on a result without maintainers, so every result has them."""
    found = searching.search(request.actor, request.GET.get("text", ""))
    size = _number(request, "size", DEFAULT_SIZE, MAX_SIZE)
    start = _number(request, "from", 0, MAX_FROM)
    now = timezone.now().isoformat()
    shown = list(searching.with_manifests(found)[start : start + size])
    return JsonResponse({"objects": _results(request, shown), "total": found.count(), "time": now})


def everything(request) -> JsonResponse:
    """`npm search` of npm 2, and of npm 6 when the newer address fails."""
    return _map(request, datetime.fromtimestamp(0, UTC))


def changed_since(request) -> JsonResponse:
    """`npm search` of npm 2, when it has a copy: `?startkey=` and the milliseconds of that copy."""
    text = request.GET.get("startkey", "")
    moment = int(text) if text.isascii() and text.isdigit() and len(text) < 15 else 0
    return _map(request, datetime.fromtimestamp(moment / 1000, UTC))


def _map(request, since: datetime) -> JsonResponse:
    now = int(timezone.now().timestamp() * 1000)
    packages = list(searching.changed_since(request.actor, since, MOST))
    maintainers = packuments.maintainers_of(packages)
    return JsonResponse({"_updated": now} | {each.name: _entry(each, maintainers[each.pk]) for each in packages})


def _entry(package: Package, maintainers: list[dict[str, str]]) -> dict[str, Any]:
    number = package.latest.number if package.latest else ""
    return {
        "name": package.name,
        "description": package.description,
        "keywords": package.keywords,
        "maintainers": maintainers,
        "dist-tags": {"latest": number} if number else {},
        "versions": {number: "latest"} if number else {},
        "time": {"modified": package.modified_at.isoformat()},
    }


def no_advisories(request) -> JsonResponse:
    """`npm audit` and every `npm install`: this registry knows of no advisories."""
    return JsonResponse({})


def no_report(request) -> JsonResponse:
    """`npm audit` of npm 6, and of later ones when the newer address fails: the same in the older shape."""
    counts = dict.fromkeys(("info", "low", "moderate", "high", "critical"), 0)
    found = {"vulnerabilities": counts, "dependencies": 0, "devDependencies": 0, "optionalDependencies": 0}
    return JsonResponse({"actions": [], "advisories": {}, "muted": [], "metadata": found | {"totalDependencies": 0}})


def _results(request, packages: list[Package]) -> list[dict[str, Any]]:
    maintainers = packuments.maintainers_of(packages)
    weekly, monthly = (downloads.each_total(packages, Period.last(days)) for days in (7, 30))
    return [
        _result(package, page_address(request, "package", package.name), _people(maintainers[package.pk]))
        | {"downloads": {"weekly": weekly.get(package.pk, 0), "monthly": monthly.get(package.pk, 0)}}
        for package in packages
    ]


def _result(package: Package, page: str, maintainers: list[dict[str, str]]) -> dict[str, Any]:
    latest = package.latest
    manifest = latest.manifest if latest else {}
    person = latest.published_by if latest else None
    publisher = _person(person.username) if person else (maintainers or [_person(package.name)])[0]
    number = latest.number if latest else ""
    return {
        "package": {
            "name": package.name,
            "scope": package.scope.name if package.scope else "unscoped",
            "sanitized_name": package.name,
            "version": number,
            "description": package.description,
            "keywords": package.keywords,
            "date": (latest.published_at if latest else package.modified_at).isoformat(),
            "license": manifests.license_of(manifest),
            "links": {"npm": page} | _links(manifest),
            "publisher": publisher,
            "maintainers": maintainers or [publisher],
        },
        "score": {"final": 1.0, "detail": {"quality": 1.0, "popularity": 1.0, "maintenance": 1.0}},
        "searchScore": 1.0,
        "flags": {"insecure": 0} | ({"unstable": True} if number.startswith("0.") else {}),
        "updated": package.modified_at.isoformat(),
    }


def _links(manifest: dict[str, Any]) -> dict[str, str]:
    found = {each: link(manifest.get(each)) for each in ("homepage", "repository", "bugs")}
    return {each: place["address"] for each, place in found.items() if place}


def _people(maintainers: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    return [{"username": each["name"], "email": each["email"]} for each in maintainers]


def _person(name: str) -> dict[str, str]:
    return {"username": name, "email": f"{name}@{NO_REPLY_DOMAIN}"}


def _number(request, name: str, default: int, most: int) -> int:
    text = request.GET.get(name, "")
    return min(int(text), most) if text.isascii() and text.isdigit() and len(text) < 10 else default
