"""What a package depends on, and what depends on it."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from packages import dependencies, dependents
from packages.views import context
from packages.views.paging import page_of

A_PAGE = 50


def needs(request, name: str, number: str = "") -> HttpResponse:
    """What a version depends on, and where that is; the latest where the address names none."""
    _, shared = context.of_package(request, name, "dependencies", number)
    groups = dependencies.of(request.actor, shared["manifest"])
    return render(request, "pages/package_dependencies.html", shared | {"groups": groups})


def needed_by(request, name: str) -> HttpResponse:
    """The packages of this registry whose latest version depends on this one, of those the viewer may see."""
    found, shared = context.of_package(request, name, "dependents")
    page = page_of(request, dependents.of(request.actor, found.name), A_PAGE, count=shared["dependent_count"])
    page.object_list = dependents.with_ranges(page.object_list, found.name)
    return render(request, "pages/package_dependents.html", shared | {"page": page})
