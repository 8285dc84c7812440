"""The star on a package's page."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from packages import access, stars
from packages.access import Action
from registry_site.htmx import answer


@require_POST
def star(request, name: str) -> HttpResponse:
    """Star a package (`starred=yes`) or take the star back."""
    stars.set_star(request.actor, name, request.POST.get("starred") == "yes")
    package = access.find(request.actor, Action.VIEW, name)
    context = {"package": package, "stars": stars.of_package(request.actor, package)}
    return answer(request, "partials/package_star.html", context, page=reverse("package", args=[name]))
