"""Leaving an org, being removed, asking for two-factor: first what goes, then, with the name typed, the change."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from orgs import access, organizations
from orgs.access import Action
from orgs.views import members, settings
from orgs.views.head import head
from packages import previews
from registry_site.errors import NotFound
from registry_site.htmx import answer


@require_POST
def remove(request, org: str) -> HttpResponse:
    """Remove a member, or leave; every right through the org goes with it, so the page asks first."""
    username = request.POST.get("user", "")
    if request.POST.get("confirm", "").strip() != username:
        return _ask(request, org, username, f"Type {username} to confirm." if "confirm" in request.POST else "")
    organizations.remove_member(request.actor, org, username)
    if username == request.actor.name:
        messages.success(request, f"You left {org}.")
        address = reverse("orgs")
        return HttpResponse(headers={"HX-Redirect": address}) if request.htmx else redirect(address)
    found = access.find(request.actor, Action.PEOPLE, org)
    notice = {"text": f"{username} was removed from {found.name}, and with it from its teams and packages."}
    page = reverse("org-members", args=[found.name])
    return answer(request, members.CARD, members.context(request, found), page=page, notice=notice)


def require_two_factor(request, org: str) -> HttpResponse:
    """Ask the members of an org for two-factor; who has none loses what comes through the org, until it is on."""
    return settings.require_two_factor(request, org, previews.requiring_two_factor)


def _ask(request, org: str, username: str, error: str) -> HttpResponse:
    leaving = username == request.actor.name
    found = access.find(request.actor, Action.VIEW if leaving else Action.PEOPLE, org)
    member = found.memberships.filter(user__username=username).prefetch_related("seats__team").first()
    if member is None:
        raise NotFound(f"{username} is not a member of {found.name}")
    losing: dict[str, Any] = {
        "removing": username,
        "leaving": leaving,
        "confirm_error": error,
        "losing_teams": [seat.team.name for seat in member.seats.all()],
    }
    if Action.PEOPLE not in found.allowed:  # nothing comes through the org, and one may still go
        return render(request, "pages/org_leave.html", head(request, found) | losing)
    return members.show(request, found, **losing, preview=previews.without_member(request.actor, org, username))
