"""The operators' page of the settings in force, and of what this server found when it looked at itself."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.urls import path

from packages import configuration, installation
from packages.upstream import registries


def urls(site) -> list:
    """The address of this page, behind the door of the admin site."""

    def shown(request):
        if not request.user.is_superuser:
            raise PermissionDenied
        return page(request, site.each_context(request))

    return [path("configuration/", site.admin_view(shown), name="configuration")]


def page(request, shared: dict[str, Any]) -> HttpResponse:
    """Settings and findings; a form sent here asks the upstream registries, too."""
    asked = request.method == "POST"
    return TemplateResponse(
        request,
        "admin/configuration.html",
        shared
        | {
            "title": "Configuration",
            "settings": configuration.every(),
            "findings": installation.look(request.headers, upstream=asked),
            "has_upstream": registries.is_on(),
            "asked": asked,
        },
    )
