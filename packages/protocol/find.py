"""`npm search`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.http import JsonResponse
from django.utils import timezone

from accounts import limiting
from accounts.endpoint import page_address
from accounts.names import NO_REPLY_DOMAIN
from packages import discovery, downloads, manifests, packuments
from packages import search as searching
from packages.downloads import Period
from packages.links import link
from packages.models import Package
from packages.upstream.finding import Found

DEFAULT_SIZE = 20
MAX_SIZE = 250
MAX_FROM = 10_000
MOST = 1000  # packages in the map of npm 2, the last changed ones


def search(request) -> JsonResponse:
    """`npm search`: what is here, then what upstream has beside that.

    npm crashes on a result without maintainers, so every result has them.
    """
    limiting.spend_often("search", request.actor, words="you search very often")
    size = _number(request, "size", DEFAULT_SIZE, MAX_SIZE)
    start = _number(request, "from", 0, MAX_FROM)
    now = timezone.now().isoformat()
    found = discovery.page(request.actor, request.GET.get("text", ""), start, size)
    objects = _results(request, found.here) + [_beyond(request, each) for each in found.beyond]
    return JsonResponse({"objects": objects, "total": found.total, "time": now})


def everything(request) -> JsonResponse:
    """`npm search` of npm 2, and of npm 6 when the newer address fails."""
    return _map(request, datetime.fromtimestamp(0, UTC))


def changed_since(request) -> JsonResponse:
    """`npm search` of npm 2, when it has a copy: `?startkey=` and the milliseconds of that copy."""
    text = request.GET.get("startkey", "")
    moment = int(text) if text.isascii() and text.isdigit() and len(text) < 15 else 0
    return _map(request, datetime.fromtimestamp(moment / 1000, UTC))


def _map(request, since: datetime) -> JsonResponse:
    limiting.spend_often("search", request.actor, words="you search very often")
    now = int(timezone.now().timestamp() * 1000)
    packages = list(searching.changed_since(request.actor, since, MOST))
    maintainers = packuments.maintainers_of(packages)
    return JsonResponse({"_updated": now} | {each.name: _entry(each, maintainers[each.pk]) for each in packages})


def _entry(package: Package, maintainers: list[dict[str, str]]) -> dict[str, Any]:
    mirror = getattr(package, "mirror", None)
    number = mirror.latest if mirror else package.latest.number if package.latest else ""
    return {
        "name": package.name,
        "description": package.description,
        "keywords": package.keywords,
        "maintainers": maintainers,
        "dist-tags": {"latest": number} if number else {},
        "versions": {number: "latest"} if number else {},
        "time": {"modified": package.modified_at.isoformat()},
    }


def _results(request, packages: list[Package]) -> list[dict[str, Any]]:
    maintainers = packuments.maintainers_of(packages)
    weekly, monthly = (downloads.each_total(packages, Period.last(days)) for days in (7, 30))
    return [
        _result(package, page_address(request, "package", package.name), _people(maintainers[package.pk]))
        | {"downloads": {"weekly": weekly.get(package.pk, 0), "monthly": monthly.get(package.pk, 0)}}
        for package in packages
    ]


def _result(package: Package, page: str, maintainers: list[dict[str, str]]) -> dict[str, Any]:
    latest, mirror = package.latest, getattr(package, "mirror", None)
    manifest = latest.manifest if latest else {}
    person = latest.published_by if latest else None
    publisher = _person(person.username) if person else (maintainers or [_person(package.name)])[0]
    number = latest.number if latest else ""
    date = latest.published_at if latest else package.modified_at
    if mirror is not None:
        number, date, publisher = mirror.latest, mirror.latest_at or date, _person(mirror.upstream)
    said = {
        "name": package.name,
        "scope": package.scope.name if package.scope else "unscoped",
        "sanitized_name": package.name,
        "version": number,
        "description": package.description,
        "keywords": package.keywords,
        "date": date.isoformat(),
        "license": package.license if mirror is not None else manifests.license_of(manifest),
        "links": {"npm": page} | _links(manifest),
        "publisher": publisher,
        "maintainers": maintainers or [publisher],
    }
    return _scored(said, package.modified_at.isoformat())


def _beyond(request, found: Found) -> dict[str, Any]:
    publisher = _person(found.publisher or "upstream")
    said = {
        "name": found.name,
        "scope": found.name[1:].partition("/")[0] if found.name.startswith("@") else "unscoped",
        "sanitized_name": found.name,
        "version": found.version,
        "description": found.description,
        "keywords": found.keywords,
        "date": found.date or timezone.now().isoformat(),  # clients print a date, and fail without one
        "license": found.license,
        "links": {"npm": page_address(request, "package", found.name)},
        "publisher": publisher,
        "maintainers": [publisher],
    }
    return _scored(said, said["date"])


def _scored(said: dict[str, Any], updated: str) -> dict[str, Any]:
    return {
        "package": said,
        "score": {"final": 1.0, "detail": {"quality": 1.0, "popularity": 1.0, "maintenance": 1.0}},
        "searchScore": 1.0,
        "flags": {"insecure": 0} | ({"unstable": True} if said["version"].startswith("0.") else {}),
        "updated": updated,
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
