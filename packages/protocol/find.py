"""`npm search`, and the questions of `npm audit` that have an empty answer here."""

from __future__ import annotations

from django.http import JsonResponse
from django.urls import reverse
from django.utils import timezone

from accounts.endpoint import website
from accounts.names import NO_REPLY_DOMAIN
from packages import search as searching
from packages.models import Package

DEFAULT_SIZE = 20
MAX_SIZE = 250
MAX_FROM = 10_000


def search(request) -> JsonResponse:
    """`npm search`: npm crashes on a result without maintainers, so every result has them."""
    found = searching.search(request.actor, request.GET.get("text", ""))
    size = _number(request, "size", DEFAULT_SIZE, MAX_SIZE)
    start = _number(request, "from", 0, MAX_FROM)
    now = timezone.now().isoformat()
    return JsonResponse(
        {
            "objects": [_result(request, package) for package in found[start : start + size]],
            "total": found.count(),
            "time": now,
        }
    )


def no_advisories(request) -> JsonResponse:
    """`npm audit` and every `npm install`: this registry knows of no advisories."""
    return JsonResponse({})


def no_report(request) -> JsonResponse:
    """`npm audit` of npm 6, and of later ones when the newer address fails: the same in the older shape."""
    counts = dict.fromkeys(("info", "low", "moderate", "high", "critical"), 0)
    found = {"vulnerabilities": counts, "dependencies": 0, "devDependencies": 0, "optionalDependencies": 0}
    return JsonResponse({"actions": [], "advisories": {}, "muted": [], "metadata": found | {"totalDependencies": 0}})


def _result(request, package: Package) -> dict:
    latest = package.latest
    publisher = _person(latest.published_by.username if latest and latest.published_by else package.name)
    owner = _person(package.scope.name) if package.scope else publisher
    return {
        "package": {
            "name": package.name,
            "scope": package.scope.name if package.scope else "unscoped",
            "version": latest.number if latest else "",
            "description": package.description,
            "keywords": package.keywords,
            "date": package.modified_at.isoformat(),
            "links": {"npm": website(request) + reverse("package", args=[package.name])},
            "publisher": publisher,
            "maintainers": [owner],
        },
        "score": {"final": 1.0, "detail": {"quality": 1.0, "popularity": 1.0, "maintenance": 1.0}},
        "searchScore": 1.0,
        "flags": {"insecure": 0},
        "updated": package.modified_at.isoformat(),
    }


def _person(name: str) -> dict[str, str]:
    return {"username": name, "email": f"{name}@{NO_REPLY_DOMAIN}"}


def _number(request, name: str, default: int, most: int) -> int:
    text = request.GET.get(name, "")
    return min(int(text), most) if text.isascii() and text.isdigit() and len(text) < 10 else default
