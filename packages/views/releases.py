"""Deprecating and unpublishing from the browser."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from accounts.views.stepping import asks_again
from packages import packuments, releases
from packages.views import context
from registry_site.errors import NotAllowed, Refusal


def deprecate(request, name: str) -> HttpResponse:
    """Warn the installers of one version, or of all of them; an empty message takes the warning back."""
    found, shared = context.of_package(request, name, "access")
    if "publish" not in shared["can"]:
        raise NotAllowed(f"publishing needs read-write access to {name}")
    numbers = list(found.versions.filter(unpublished_at=None).values_list("number", flat=True))
    chosen, error = request.POST.get("version", request.GET.get("version", "all")), ""
    if request.method == "POST":
        wanted = numbers if chosen == "all" else [chosen]
        try:
            releases.deprecate(request.actor, name, dict.fromkeys(wanted, request.POST.get("message", "").strip()))
        except Refusal as refusal:
            error = refusal.message
        else:
            messages.success(
                request,
                "Installers see the message from now on." if request.POST.get("message") else "The warning is gone.",
            )
            return redirect("package-versions", name)
    return render(request, "pages/deprecate.html", shared | {"numbers": numbers, "chosen": chosen, "error": error})


@asks_again
def unpublish(request, name: str) -> HttpResponse:
    """Take a version, or the whole package, away; asked for by typing the name, and by showing again who one is."""
    found, shared = context.of_package(request, name, "access")
    if "manage" not in shared["can"]:
        raise NotAllowed(f"only owners may unpublish {name}")
    numbers = list(found.versions.filter(unpublished_at=None).values_list("number", flat=True))
    chosen = request.POST.get("version", request.GET.get("version", "all"))
    error = ""
    if request.method == "POST":
        if request.POST.get("confirm", "").strip() == name:
            return _unpublished(request, found, numbers, chosen)
        error = f"Type {name} to confirm."
    return render(request, "pages/unpublish.html", shared | {"numbers": numbers, "chosen": chosen, "error": error})


def _unpublished(request, package, numbers: list[str], chosen: str) -> HttpResponse:
    revision = packuments.revision_of(package)
    if chosen == "all" or numbers == [chosen]:
        releases.unpublish(request.actor, package.name, revision)
        messages.success(request, f"{package.name} was unpublished.")
        return redirect("home")
    releases.unpublish_versions(request.actor, package.name, frozenset(numbers) - {chosen}, revision)
    messages.success(request, f"{package.name}@{chosen} was unpublished. Its number is not used again.")
    return redirect("package-versions", package.name)
