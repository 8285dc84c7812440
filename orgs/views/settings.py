"""The settings of an org: what it says, what new packages give, whether members need two-factor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.actor import Actor
from accounts.views.stepping import asks_again
from orgs import access, profile, two_factor
from orgs.access import Action
from orgs.forms import FirstGrantForm, ProfileForm
from orgs.models import FirstGrant, Org
from orgs.views.head import head
from registry_site.errors import Refusal
from registry_site.htmx import answer, take_notice

NAMES_SHOWN = 20


def settings(request, org: str, more: Callable[[Org], dict[str, Any]] = lambda org: {}) -> HttpResponse:
    """All settings; the form of the profile comes back here.

    more: what else the page shows of an org, which this app knows nothing of.
    """
    found = access.find(request.actor, Action.MEMBERS, org)
    form = ProfileForm(request.POST or None, initial=_said(found))
    if request.method == "POST" and form.is_valid():
        try:
            profile.change(request.actor, org, **form.cleaned_data)
        except Refusal as refusal:
            form.add_error("homepage" if "homepage" in refusal.message else None, refusal.message)
        else:
            messages.success(request, "Saved.")
            return redirect("org-settings", found.name)
    return render(request, "pages/org_settings.html", _context(request, found) | {"form": form} | more(found))


@require_POST
def first_grant(request, org: str) -> HttpResponse:
    """What new packages give the developers; offers Undo."""
    before = access.find(request.actor, Action.MEMBERS, org).first_grant
    found = profile.set_first_grant(request.actor, org, request.POST.get("first_grant", ""))
    said = FirstGrant(found.first_grant).label
    notice: dict[str, Any] = {"text": f"New packages give developers {said}.", "about": "first-grant"}
    if before != found.first_grant:
        notice["undo"] = {"url": reverse("org-first-grant", args=[org]), "fields": {"first_grant": before}}
    page = reverse("org-settings", args=[org])
    return answer(request, "partials/org_first_grant.html", _context(request, found), page=page, notice=notice)


@require_POST
@asks_again
def require_two_factor(request, org: str, preview: Callable[[Actor, str], object]) -> HttpResponse:
    """Ask members for two-factor: who would lose is named first, and then the org's name is typed.

    preview: says what they lose, with the packages that this app knows nothing of.
    """
    found = access.find(request.actor, Action.MEMBERS, org)
    required = request.POST.get("required") == "yes"
    losing = two_factor.without(found) if required and not found.requires_two_factor else None
    confirmed = request.POST.get("confirm", "").strip() == found.name
    if losing is not None and not request.actor.user.has_two_factor:
        return _card(request, found, error="Turn two-factor on for yourself first, under Settings / Two-factor.")
    if losing is not None and losing.exists() and not confirmed:
        error = f"Type {found.name} to confirm." if "confirm" in request.POST else ""
        shown = preview(request.actor, found.name)
        return _card(request, found, asking=True, confirm_error=error, preview=shown)
    found = two_factor.require(request.actor, org, required)
    undo = {"url": reverse("org-two-factor", args=[org]), "fields": {"required": "no" if required else "yes"}}
    text = "Members need two-factor now." if required else "Two-factor is up to each member now."
    page = reverse("org-settings", args=[org])
    notice = {"text": text, "undo": undo, "about": "two-factor"}
    return answer(request, "partials/org_two_factor.html", _context(request, found), page=page, notice=notice)


def _card(request, org: Org, **more: Any) -> HttpResponse:
    template = "partials/org_two_factor.html" if request.htmx else "pages/org_settings.html"
    return render(request, template, _context(request, org) | {"form": ProfileForm(initial=_said(org))} | more)


def _context(request, org: Org) -> dict[str, Any]:
    without = two_factor.without(org)
    return head(request, org) | {
        "tab": "settings",
        "grant_form": FirstGrantForm(initial={"first_grant": org.first_grant}),
        "without": list(without[:NAMES_SHOWN]),
        "without_count": without.count(),
        "notice": None if request.htmx else take_notice(request),
    }


def _said(org: Org) -> dict[str, str]:
    return {"title": org.title, "description": org.description, "homepage": org.homepage}
