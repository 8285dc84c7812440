"""Pages of orgs: the list of mine, a new one, members, settings."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts import people
from orgs import access, organizations, teams
from orgs.access import Action
from orgs.forms import MemberForm, OrgForm, TeamForm, TitleForm
from orgs.models import Org
from registry_site.errors import NotFound, Refusal
from registry_site.htmx import answer, take_notice

MEMBERS_A_PAGE = 50


@login_required
def mine(request) -> HttpResponse:
    """The orgs one belongs to."""
    return render(request, "pages/orgs.html", {"memberships": organizations.of(request.actor.user)})


@login_required
def create(request) -> HttpResponse:
    """A new org, with oneself as its owner."""
    form = OrgForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            org = organizations.create(request.actor, form.cleaned_data["name"], form.cleaned_data["title"])
        except Refusal as refusal:
            form.add_error("name", refusal.message)
        else:
            messages.success(request, f"{org.name} is ready. Add its members next.")
            return redirect("org-members", org.name)
    return render(request, "pages/org_new.html", {"form": form})


def members(request, org: str) -> HttpResponse:
    """The members of an org; owners add them and give roles here."""
    found = access.find(request.actor, Action.PEOPLE, org)
    form = MemberForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return _set_member(request, found, form)
    return render(request, "pages/org_members.html", members_context(request, found, form))


def _set_member(request, org: Org, form: MemberForm) -> HttpResponse:
    given = form.cleaned_data
    page = reverse("org-members", args=[org.name])
    before = org.memberships.filter(user__username=given["user"]).values_list("role", flat=True).first()
    try:
        membership = organizations.set_member(request.actor, org.name, given["user"], given["role"])
    except NotFound as refusal:
        near = people.near(given["user"])
        form.add_error("user", refusal.message + (f"; did you mean {' or '.join(near)}?" if near else ""))
    except Refusal as refusal:
        form.add_error("user", refusal.message)
    else:
        notice: dict[str, Any] = {
            "text": f"{membership.user} is {membership.get_role_display().lower()} of {org.name}."
        }
        if before and before != membership.role:
            notice["undo"] = {"url": page, "fields": {"user": given["user"], "role": before}}
        context = members_context(request, org, MemberForm())
        return answer(request, "partials/org_members.html", context, page=page, notice=notice)
    template = "partials/org_members.html" if request.htmx else "pages/org_members.html"
    return render(request, template, members_context(request, org, form))


@require_POST
def remove_member(request, org: str) -> HttpResponse:
    """Remove a member; the page asked first, because every right through the org goes with it."""
    username = request.POST.get("user", "")
    if request.POST.get("confirm", "").strip() != username:
        found = access.find(request.actor, Action.PEOPLE, org)
        error = f"Type {username} to confirm." if "confirm" in request.POST else ""
        context = members_context(request, found, MemberForm()) | {"removing": username, "confirm_error": error}
        return render(request, "partials/org_members.html" if request.htmx else "pages/org_members.html", context)
    organizations.remove_member(request.actor, org, username)
    if username == request.actor.name:
        messages.success(request, f"You left {org}.")
        address = reverse("orgs")
        return HttpResponse(headers={"HX-Redirect": address}) if request.htmx else redirect(address)
    found = access.find(request.actor, Action.PEOPLE, org)
    notice = {"text": f"{username} was removed from {found.name}, and with it from its teams and packages."}
    page = reverse("org-members", args=[found.name])
    context = members_context(request, found, MemberForm())
    return answer(request, "partials/org_members.html", context, page=page, notice=notice)


def settings(request, org: str) -> HttpResponse:
    """The title of an org."""
    found = access.find(request.actor, Action.MEMBERS, org)
    form = TitleForm(request.POST or None, initial={"title": found.title})
    if request.method == "POST" and form.is_valid():
        organizations.set_title(request.actor, org, form.cleaned_data["title"])
        messages.success(request, "Saved.")
        return redirect("org-settings", found.name)
    return render(request, "pages/org_settings.html", head(request, found) | {"form": form, "tab": "settings"})


def create_team(request, org: str) -> HttpResponse:
    """A new team."""
    found = access.find(request.actor, Action.TEAMS, org)
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            team = teams.create(request.actor, org, given["name"], given["description"])
        except Refusal as refusal:
            form.add_error("name", refusal.message)
        else:
            return redirect("team", found.name, team.name)
    return render(request, "pages/team_new.html", head(request, found) | {"form": form, "tab": "teams"})


def head(request, org: Org) -> dict[str, Any]:
    """What every page of an org shows above its tabs."""
    return {
        "org": org,
        "can": access.can(request.actor, org),
        "member_count": org.memberships.count(),
        "team_count": org.teams.count(),
    }


def members_context(request, org: Org, form: MemberForm) -> dict[str, Any]:
    """The members page and its card."""
    found = org.memberships.select_related("user").prefetch_related("seats__team")
    if text := request.GET.get("q", "").replace("\0", ""):
        found = found.filter(user__username__icontains=text)
    page = Paginator(found, MEMBERS_A_PAGE).get_page(request.GET.get("page"))
    notice = None if request.htmx else take_notice(request)
    return head(request, org) | {"tab": "members", "form": form, "page": page, "q": text, "notice": notice}
