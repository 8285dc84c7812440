"""Pages of what waits for a person: the list, the review, and the decision."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from accounts.actor import Power
from packages import access, reviews, staging
from packages.models import Access, Package, StagedVersion
from packages.names import PackageName
from registry_site.errors import NotFound


def index(request, name: str) -> HttpResponse:
    """The staged versions of a package, for those who may publish to it."""
    package = _package(request, name)
    return render(
        request,
        "pages/package_staged.html",
        {"package": package, "waiting": staging.listed(request.actor, name)},
    )


def review(request, name: str, key: uuid.UUID) -> HttpResponse:
    """A staged version beside the one that is installed today: what to look at first, then every file that differs."""
    staged = _find(request, name, key)
    package, before = staged.package, staging.current(staged)
    context: dict[str, Any] = {
        "package": package,
        "staged": staged,
        "key": str(staged.key),
        "stager": staging.stager(staged),
        "before": before,
        "review": reviews.compare(before, staged),
        "becomes_private": staging.level(staged) == Access.RESTRICTED,
        "also_latest": before is None and staged.tag != "latest",
        "has_two_factor": request.actor.user is not None and request.actor.user.has_two_factor,
        "is_fresh": request.actor.second_factor,
    }
    return render(request, "pages/package_review.html", context)


@require_POST
def approve(request, name: str, key: uuid.UUID) -> HttpResponse:
    """Release what was reviewed: the form says which bytes it showed."""
    version = staging.approve(request.actor, key, integrity=request.POST.get("integrity", "unknown"))
    messages.success(request, f"{version.package.name}@{version.number} is released.")
    return redirect("package", version.package.name)


@require_POST
def reject(request, name: str, key: uuid.UUID) -> HttpResponse:
    """Remove it, once the box is ticked."""
    staged = _find(request, name, key)
    if "sure" not in request.POST:
        messages.error(request, "Tick the box to reject it.")
        return redirect("package-review", name, key)
    staging.reject(request.actor, key)
    messages.success(request, f"{name}@{staged.number} was rejected. Its number is free again.")
    return redirect("package-staged", name)


def tarball(request, name: str, key: uuid.UUID) -> FileResponse:
    """The bytes under review, to be looked at elsewhere; downloaded, never shown."""
    staged, body = staging.open_tarball(request.actor, _find(request, name, key).key)
    file = PackageName.parse(name).tarball(staged.number)
    return FileResponse(body, as_attachment=True, filename=file, content_type="application/octet-stream")


def _package(request, name: str) -> Package:
    request.actor.require(Power.STAGE)
    package = access.publishable_by(request.actor).filter(name=name).first()
    if package is None:
        raise access.missing(request.actor, name)
    return package


def _find(request, name: str, key: uuid.UUID) -> StagedVersion:
    package = _package(request, name)
    staged = staging.find(request.actor, key)
    if staged.package_id != package.pk:
        raise NotFound(f"{name} has no staged version of this key")
    return staged
