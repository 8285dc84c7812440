"""Asking for access: from the page of a package that one cannot see, decided on a list of the org."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from orgs import access as org_access
from orgs.access import Action
from orgs.models import Org
from orgs.views.head import head
from packages import requests
from registry_site.errors import Refusal
from registry_site.htmx import answer, take_notice

MOST = 50  # on the page; more come up when these are decided
CARD = "partials/access_requests.html"


@require_POST
def ask(request, name: str) -> HttpResponse:
    """Ask for a package of one's org by its name; the answer is the same whether it exists or not."""
    requests.ask(request.actor, name, request.POST.get("message", ""))
    messages.success(request, f"You asked for access to {name}. The owners and admins of its org decide.")
    return redirect("package", name)


def index(request, org: str) -> HttpResponse:
    """What members of an org ask for, for those who decide."""
    found = org_access.find(request.actor, Action.TEAMS, org)
    return render(request, "pages/org_requests.html", _context(request, found) | {"notice": take_notice(request)})


@require_POST
def decide(request, org: str, key: int) -> HttpResponse:
    """Grant a request in the way that was chosen, or decline it."""
    found = org_access.find(request.actor, Action.TEAMS, org)
    way = request.POST.get("way", "")
    try:
        if way == "decline":
            asked = requests.decline(request.actor, org, key)
        else:
            asked = requests.approve(request.actor, org, key, way)
    except Refusal as refusal:
        shown = _context(request, found) | {"failed": key, "request_error": refusal.message}
        return render(request, CARD if request.htmx else "pages/org_requests.html", shown)
    name = asked.membership.user.username
    text = f"{name} has access to {asked.name}." if asked.granted else f"The request of {name} was declined."
    page = reverse("org-requests", args=[found.name])
    return answer(request, CARD, _context(request, found), page=page, notice={"text": text})


def _context(request, org: Org) -> dict[str, Any]:
    waiting = list(requests.waiting_for(request.actor).filter(membership__org=org)[: MOST + 1])
    shown = requests.with_ways(request.actor, waiting[:MOST])
    return head(request, org) | {"tab": "requests", "waiting": shown, "more": len(waiting) > MOST}
