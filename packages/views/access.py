"""The access page: who can install a package, and who can change it."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import CharField, Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts import people as person_verbs
from accounts.views.stepping import asks_again
from orgs.models import Seat, Team
from packages import access, collaborators, explaining, previews, reasons, requests, sharing
from packages.access import Action
from packages.models import Package, TeamGrant
from packages.reasons import Reasons
from packages.views import context
from packages.views.paging import MOST_PAGES, page_of
from registry_site.errors import NotFound, Refusal
from registry_site.htmx import answer, take_notice

MOST_REQUESTS = 20
A_PAGE = 50  # people, and teams
LEVEL, PEOPLE, TEAMS = (f"partials/package_{card}.html" for card in ("level", "people", "teams"))


def page(request, name: str) -> HttpResponse:
    """Access level, people, teams; a visitor who may see the package but not change it sees who to ask."""
    found, shared = context.of_package(request, name, "access")
    asks = request.GET.get("explain") or request.GET.get("make")
    why = reasons.every(found) if asks and collaborators.may_see_people(found) else {}
    shared |= _cards(request, found, why) | {"notice": take_notice(request)} | _explained(request, found, why)
    if (wanted := request.GET.get("make", "")) and "manage" in shared["can"]:
        shared["preview"] = previews.level_of(request.actor, found, wanted, why)
    return render(request, "pages/package_access.html", shared)


@require_POST
@asks_again
def set_level(request, name: str) -> HttpResponse:
    """Private or public: first the preview of who gains and who loses, then, with the name typed, the change."""
    level = request.POST.get("access", "")
    preview = previews.level(request.actor, name, level)
    if request.POST.get("confirm", "").strip() != name:
        return _card(request, name, LEVEL, {"preview": preview, "confirm_error": _untyped(request, name)})
    try:
        sharing.set_access(request.actor, name, level)
    except Refusal as refusal:
        return _card(request, name, LEVEL, {"preview": preview, "confirm_error": refusal.message})
    notice = {"text": f"{name} is {'public' if preview.exposes else 'private'} now."}
    return _answer(request, name, LEVEL, notice)


@require_POST
def people(request, name: str) -> HttpResponse:
    """Give a person read or read-write, change it, or take it away (permission `none`).

    Where somebody loses something, first the preview, then, with the user name typed, the change.
    """
    username, permission = request.POST.get("user", "").strip().lower(), request.POST.get("permission", "")
    before = _permission_of(request, name, username)
    if before != "none" and request.POST.get("confirm", "").strip() != username:
        preview = previews.with_person(request.actor, name, username, permission)
        if not preview.is_harmless:
            pending = {"user": username, "permission": permission, "confirm_error": _untyped(request, username)}
            return _card(request, name, PEOPLE, {"preview": preview, "pending": pending})
    try:
        if permission == "none":
            sharing.revoke_person(request.actor, name, username)
        else:
            sharing.grant_person(request.actor, name, username, permission)
    except NotFound as refusal:
        error = refusal.message + person_verbs.did_you_mean(username)
        return _card(request, name, PEOPLE, {"error": error, "typed": username})
    except Refusal as refusal:
        return _card(request, name, PEOPLE, {"error": refusal.message, "typed": username})
    done = "was removed" if permission == "none" else f"has {_words(permission)}"
    notice: dict[str, Any] = {"text": f"{username} {done}."}
    if before != permission:
        notice["undo"] = _undo(reverse("package-people", args=[name]), before, user=username)
    return _answer(request, name, PEOPLE, notice)


@require_POST
def teams(request, name: str) -> HttpResponse:
    """Give a team read or read-write, change it, or take it away (permission `none`); asks first as `people` does."""
    team, permission = request.POST.get("team", "").strip(), request.POST.get("permission", "")
    package = access.find(request.actor, Action.MANAGE, name)
    org = package.scope.name if package.scope else ""
    before = package.team_grants.filter(team__name=team).values_list("permission", flat=True).first() or "none"
    if before != "none" and request.POST.get("confirm", "").strip() != team:
        preview = previews.with_team(request.actor, name, team, permission)
        if not preview.is_harmless:
            pending = {"team": team, "permission": permission, "confirm_error": _untyped(request, team)}
            return _card(request, name, TEAMS, {"preview": preview, "pending": pending})
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
        notice["undo"] = _undo(reverse("package-teams", args=[name]), before, team=team)
    return _answer(request, name, TEAMS, notice)


def _untyped(request, word: str) -> str:
    return f"Type {word} to confirm." if "confirm" in request.POST else ""


def _undo(address: str, before: str, **subject: str) -> dict[str, Any]:
    # It takes back what was done a moment ago, so it brings the name that would be typed.
    return {"url": address, "fields": subject | {"permission": before, "confirm": next(iter(subject.values()))}}


def _answer(request, name: str, template: str, notice: dict[str, Any]) -> HttpResponse:
    found, shared = context.of_package(request, name, "access")
    shared |= _cards(request, found)
    return answer(request, template, shared, page=reverse("package-access", args=[name]), notice=notice)


def _card(request, name: str, partial: str, more: dict[str, Any]) -> HttpResponse:
    found, shared = context.of_package(request, name, "access")
    shared |= _cards(request, found) | more
    return render(request, partial if request.htmx else "pages/package_access.html", shared)


def _cards(request, package: Package, why: Reasons | None = None) -> dict[str, Any]:
    if not collaborators.may_see_people(package):
        return {}
    people = _people(request, package, why)
    found: dict[str, Any] = {"collaborators": people, "people_count": people.paginator.count}
    if package.in_org and Action.MANAGE in access.can(package):
        found["asking"] = list(requests.waiting_for(request.actor).filter(name=package.name)[:MOST_REQUESTS])
    if package.in_org:
        grants = TeamGrant.objects.filter(package=package, team=OuterRef("pk")).values("permission")
        seats = Seat.objects.filter(team=OuterRef("pk")).order_by().values("team").annotate(all=Count("pk"))
        teams = Team.objects.filter(org__scope=package.scope).annotate(
            size=Coalesce(Subquery(seats.values("all")), 0), permission=Subquery(grants, output_field=CharField())
        )
        given = [team for team in teams if team.permission]
        found["given_teams"] = page_of(request, given, A_PAGE, name="teams")
        found["free_teams"] = [team for team in teams if not team.permission]
    return found


def _people(request, package: Package, why: Reasons | None) -> Page:
    asked = page_of(request, range(A_PAGE * MOST_PAGES), A_PAGE, name="people").number
    people = collaborators.circle(package, (asked - 1) * A_PAGE, A_PAGE, why=why)
    if not people.listed and asked > 1:  # some left since that address was made
        asked, people = 1, collaborators.circle(package, 0, A_PAGE, why=why)
    page = Paginator(range(people.count), A_PAGE).page(asked)
    page.object_list = people.listed
    return page


def _explained(request, package: Package, why: Reasons) -> dict[str, Any]:
    text = request.GET.get("explain", "").strip().removeprefix("@").replace("\0", "")[:300]
    if not collaborators.may_see_people(package):
        return {}
    found: dict[str, Any] = {"asked_about": text}
    if text:
        try:
            found["explained"] = explaining.explain(request.actor, package, text, why)
        except NotFound as refusal:
            found["explain_error"] = refusal.message
    return found


def _permission_of(request, name: str, username: str) -> str:
    package = access.find(request.actor, Action.MANAGE, name)
    held = package.person_grants.filter(user__username=username).values_list("permission", flat=True).first()
    return held or "none"


def _words(permission: str) -> str:
    return str(sharing.PERMISSIONS[permission].label)
