"""Two versions of a package side by side, file by file."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render

from packages import reviews
from packages.models import Package
from packages.views import context

NUMBERS_OFFERED = 300


def choose(request, name: str) -> HttpResponse:
    """The form that asks for two versions; what it sends leads to their page."""
    old, new = (request.GET.get(field, "").strip().replace("\0", "") for field in ("from", "to"))
    found, shared = context.of_package(request, name, "compare")
    asked = [number for number in (old, new) if number]
    known = set(found.versions.listed().filter(number__in=asked).values_list("number", flat=True))
    if old and new and known.issuperset(asked):
        return redirect("package-compare", name, old, new)
    offered = _numbers(found)
    new = new if new in known else shared["version"].number
    old = old if old in known else next((number for number in offered if number != new), new)
    missing = next((number for number in asked if number not in known), "")
    shared |= {"numbers": list(dict.fromkeys([new, old, *offered])), "old": old, "new": new, "missing": missing}
    return render(request, "pages/package_compare.html", shared)


def compare(request, name: str, old: str, new: str) -> HttpResponse:
    """What `new` changes against `old`: what runs, what it needs, how large it is, and every file that differs."""
    found, shared = context.of_package(request, name, "compare")
    before, after = (context.version_of(found, number) for number in (old, new))
    shared |= {
        "numbers": list(dict.fromkeys([new, old, *_numbers(found)])),
        "old": old,
        "new": new,
        "before": before,
        "after": after,
        "review": reviews.compare(before, after),
        "grown": after.unpacked_size - before.unpacked_size,
        "shrunk": before.unpacked_size - after.unpacked_size,
    }
    return render(request, "pages/package_compare.html", shared)


def _numbers(package: Package) -> list[str]:
    return list(package.versions.listed().values_list("number", flat=True)[:NUMBERS_OFFERED])
