"""The access page: who can install a package, and who can change it."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts import people as person_verbs
from orgs.models import Team
from packages import access, sharing
from packages.access import Action
from packages.models import Package
from packages.views import context
from registry_site.errors import NotFound, Refusal
from registry_site.htmx import answer, take_notice

LEVEL, PEOPLE, TEAMS = (f"partials/package_{card}.html" for card in ("level", "people", "teams"))


def page(request, name: str) -> HttpResponse:
    """Access level, people, teams; a visitor who may see the package but not change it sees who to ask."""
    found, shared = context.of_package(request, name, "access")
    shared |= _cards(request, found) | {"notice": take_notice(request), "explained": _explained(request, found)}
    if (wanted := request.GET.get("make", "")) and "manage" in shared["can"]:
        shared["preview"] = sharing.preview_access(request.actor, name, wanted)
    return render(request, "pages/package_access.html", shared)


@require_POST
def set_level(request, name: str) -> HttpResponse:
    """Private or public: first the preview of who gains and who loses, then, with the name typed, the change."""
    level = request.POST.get("access", "")
    preview = sharing.preview_access(request.actor, name, level)
    if request.POST.get("confirm", "").strip() != name:
        typed = "confirm" in request.POST
        error = f"Type {name} to confirm." if typed else ""
        return _card(request, name, LEVEL, {"preview": preview, "confirm_error": error})
    try:
        sharing.set_access(request.actor, name, level)
    except Refusal as refusal:
        return _card(request, name, LEVEL, {"preview": preview, "confirm_error": refusal.message})
    notice = {"text": f"{name} is {'public' if preview.exposes else 'private'} now."}
    return _answer(request, name, LEVEL, notice)


@require_POST
def people(request, name: str) -> HttpResponse:
    """Give a person read or read-write, change it, or take it away (permission `none`)."""
    username, permission = request.POST.get("user", "").strip().lower(), request.POST.get("permission", "")
    before = _permission_of(request, name, username)
    try:
        if permission == "none":
            sharing.revoke_person(request.actor, name, username)
        else:
            sharing.grant_person(request.actor, name, username, permission)
    except NotFound as refusal:
        near = person_verbs.near(username)
        error = refusal.message + (f"; did you mean {' or '.join(near)}?" if near else "")
        return _card(request, name, PEOPLE, {"error": error, "typed": username})
    except Refusal as refusal:
        return _card(request, name, PEOPLE, {"error": refusal.message, "typed": username})
    done = "was removed" if permission == "none" else f"has {_words(permission)}"
    notice = {"text": f"{username} {done}."}
    if before != permission:
        address = reverse("package-people", args=[name])
        notice["undo"] = {"url": address, "fields": {"user": username, "permission": before}}
    return _answer(request, name, PEOPLE, notice)


@require_POST
def teams(request, name: str) -> HttpResponse:
    """Give a team read or read-write, change it, or take it away (permission `none`)."""
    team, permission = request.POST.get("team", "").strip(), request.POST.get("permission", "")
    package = access.find(request.actor, Action.MANAGE, name)
    org = package.scope.name if package.scope else ""
    before = package.team_grants.filter(team__name=team).values_list("permission", flat=True).first() or "none"
    try:
        if permission == "none":
            sharing.revoke_team(request.actor, name, org, team)
        else:
            sharing.grant_team(request.actor, name, org, team, permission)
    except Refusal as refusal:
        return _card(request, name, TEAMS, {"team_error": refusal.message})
    done = "was removed" if permission == "none" else f"has {_words(permission)}"
    notice: dict[str, Any] = {"text": f"The team {team} {done}."}
    if before != permission:
        address = reverse("package-teams", args=[name])
        notice["undo"] = {"url": address, "fields": {"team": team, "permission": before}}
    return _answer(request, name, TEAMS, notice)


def _answer(request, name: str, template: str, notice: dict[str, Any]) -> HttpResponse:
    found, shared = context.of_package(request, name, "access")
    shared |= _cards(request, found)
    return answer(request, template, shared, page=reverse("package-access", args=[name]), notice=notice)


def _card(request, name: str, partial: str, more: dict[str, Any]) -> HttpResponse:
    found, shared = context.of_package(request, name, "access")
    shared |= _cards(request, found) | more
    return render(request, partial if request.htmx else "pages/package_access.html", shared)


def _cards(request, package: Package) -> dict[str, Any]:
    if not sharing.may_see_people(package):
        return {}
    collaborators = sharing.collaborators(package)
    found: dict[str, Any] = {"collaborators": collaborators, "people_count": len(collaborators)}
    if package.in_org:
        grants = package.team_grants.select_related("team").prefetch_related("team__seats")
        given = list(grants)
        found["team_grants"] = given
        free = Team.objects.filter(org__scope=package.scope).exclude(pk__in=[grant.team_id for grant in given])
        found["free_teams"] = free
    return found


def _explained(request, package: Package) -> dict[str, Any] | None:
    name = request.GET.get("explain", "").strip().lower().removeprefix("@").replace("\0", "")
    if not name or not sharing.may_see_people(package):
        return None
    for each in sharing.collaborators(package):
        if each.user.username == name:
            return {"name": name, "collaborator": each}
    return {"name": name, "collaborator": None}


def _permission_of(request, name: str, username: str) -> str:
    package = access.find(request.actor, Action.MANAGE, name)
    held = package.person_grants.filter(user__username=username).values_list("permission", flat=True).first()
    return held or "none"


def _words(permission: str) -> str:
    return str(sharing.PERMISSIONS[permission].label)
