"""Two versions of a package side by side, file by file."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render

from packages import reviews
from packages.mirrored import Shelf
from packages.models import Package
from packages.views import context

NUMBERS_OFFERED = 300


def choose(request, name: str) -> HttpResponse:
    """The form that asks for two versions; what it sends leads to their page."""
    old, new = (request.GET.get(field, "").strip().replace("\0", "") for field in ("from", "to"))
    found, shared = context.of_package(request, name, "compare")
    asked = [number for number in (old, new) if number]
    known = set(_known(found, shared["shelf"], asked))
    if old and new and known.issuperset(asked):
        return redirect("package-compare", name, old, new)
    offered = _numbers(found, shared["shelf"])
    new = new if new in known else shared["version"].number
    old = old if old in known else next((number for number in offered if number != new), new)
    missing = next((number for number in asked if number not in known), "")
    shared |= {"numbers": list(dict.fromkeys([new, old, *offered])), "old": old, "new": new, "missing": missing}
    return render(request, "pages/package_compare.html", shared)


def compare(request, name: str, old: str, new: str) -> HttpResponse:
    """What `new` changes against `old`: what runs, what it needs, how large it is, and every file that differs."""
    found, shared = context.of_package(request, name, "compare")
    before, after = (context.version_of(found, number, shared["shelf"]) for number in (old, new))
    if absent := [each.number for each in (before, after) if each.pk is None]:
        return render(
            request,
            "pages/mirror_unfetched.html",
            shared | {"numbers": " ".join(dict.fromkeys(absent)), "back": f"{old}...{new}"},
        )
    shared |= {
        "numbers": list(dict.fromkeys([new, old, *_numbers(found, shared["shelf"])])),
        "old": old,
        "new": new,
        "before": before,
        "after": after,
        "review": reviews.compare(before, after),
        "grown": after.unpacked_size - before.unpacked_size,
        "shrunk": before.unpacked_size - after.unpacked_size,
    }
    return render(request, "pages/package_compare.html", shared)


def _known(package: Package, shelf: Shelf | None, asked: list[str]) -> list[str]:
    if shelf is not None:
        return [number for number in asked if number in shelf.manifests]
    return list(package.versions.listed().filter(number__in=asked).values_list("number", flat=True))


def _numbers(package: Package, shelf: Shelf | None) -> list[str]:
    if shelf is not None:  # those that are here first; any other is fetched when it is asked for
        return [row.number for row in sorted(shelf.rows, key=lambda row: row.version_id is None)][:NUMBERS_OFFERED]
    return list(package.versions.listed().values_list("number", flat=True)[:NUMBERS_OFFERED])
