"""How much scopes keep and may keep: on an org's settings, and on a page of one's own."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render

from accounts.models import Scope
from orgs.models import Org
from orgs.views import settings
from packages import quotas


def org_settings(request, org: str) -> HttpResponse:
    """The settings of an org, with what its scope keeps."""
    return settings.settings(request, org, _of_org)


@login_required
def own(request) -> HttpResponse:
    """Settings / storage: what one's own scope keeps."""
    scope = Scope.objects.get(user=request.actor.user)
    context = {"section": "storage", "scope": scope, "shares": quotas.shares(scope)}
    return render(request, "pages/settings_storage.html", context)


def _of_org(org: Org) -> dict[str, Any]:
    return {"shares": quotas.shares(org.scope)}
