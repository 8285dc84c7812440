"""The operators' page of the mirror: what it holds, how upstream does, what the limits would take away."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.views.decorators.http import require_POST

from accounts.operating import actor_of
from accounts.templatetags.pages import size
from packages.stock import facts, pruning, tidying
from registry_site.errors import Refusal


def urls(site) -> list:
    """The addresses of these pages, behind the door of the admin site."""

    def behind(view):
        def shown(request):
            if not request.user.is_superuser:
                raise PermissionDenied
            return view(request, site.each_context(request))

        return site.admin_view(shown)

    return [
        path("mirror/", behind(page), name="mirror"),
        path("mirror/prune", require_POST(behind(prune)), name="mirror-prune"),
    ]


def page(request, shared: dict[str, Any]) -> HttpResponse:
    """What the mirror holds, and what would go."""
    return TemplateResponse(request, "admin/mirror.html", shared | facts.facts() | {"title": "The mirror"})


def prune(request, shared: dict[str, Any]) -> HttpResponse:
    """Remove what is over the limits, as the page showed it."""
    try:
        gone = pruning.prune(actor_of(request), pruning.limits())
        tidying.tidy()
        messages.success(request, f"{len(gone.chosen)} tarballs removed, {size(gone.size)}.")
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect("admin:mirror")
