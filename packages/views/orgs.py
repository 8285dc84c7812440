"""Pages of an org that show packages: its list, its teams with what they were given, its activity."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.endpoint import registry
from accounts.models import AuditEvent
from orgs import access as org_access
from orgs import teams as team_verbs
from orgs.access import Action
from orgs.models import DEVELOPERS, Org, Team
from orgs.views import head
from packages import access, changes, downloads, search, sharing
from packages.models import Access, TeamGrant
from registry_site.errors import Refusal
from registry_site.htmx import answer, take_notice

A_PAGE = 50


def packages(request, org: str) -> HttpResponse:
    """An org's packages, of those the viewer may see."""
    found = org_access.find(request.actor, Action.VIEW, org)
    page = Paginator(search.of_scope(request.actor, found.scope), A_PAGE).get_page(request.GET.get("page"))
    page.object_list = downloads.with_weekly(page.object_list)
    context = org_head(request, found) | {
        "tab": "packages",
        "page": page,
        "address": registry(request) + "/",
        "may_publish": access.may_claim(request.actor, found.scope),
    }
    return render(request, "pages/org.html", context)


def team(request, org: str, team: str = DEVELOPERS) -> HttpResponse:
    """A team: its packages, its members; beside it the other teams."""
    found = org_access.find(request.actor, Action.PEOPLE, org)
    context = _team_context(request, found, org_access.find_team(found, team))
    return render(request, "pages/team.html", context | {"notice": take_notice(request)})


@require_POST
def seats(request, org: str, team: str) -> HttpResponse:
    """Put a member into a team or take one out; both offer Undo."""
    user, out = request.POST.get("user", "").strip().lower(), request.POST.get("seat") == "none"
    verb = team_verbs.remove if out else team_verbs.add
    undo = {
        "url": reverse("team-seats", args=[org, team]),
        "fields": {"user": user, "seat": "member" if out else "none"},
    }
    notice = {"text": f"{user} {'left' if out else 'joined'} {team}.", "undo": undo}
    return _change(request, org, team, lambda: verb(request.actor, org, team, user), notice, "seat_error")


@require_POST
def grants(request, org: str, team: str) -> HttpResponse:
    """Give a team a package, change it, or take it away (permission `none`); all offer Undo."""
    name, permission = request.POST.get("package", "").strip(), request.POST.get("permission", "")
    held = TeamGrant.objects.filter(package__name=name, team__name=team, team__org__scope__name=org)
    before = held.values_list("permission", flat=True).first() or "none"
    if permission == "none":
        change = partial(sharing.revoke_team, request.actor, name, org, team)
        notice: dict[str, Any] = {"text": f"{team} no longer has {name}."}
    else:
        change = partial(sharing.grant_team, request.actor, name, org, team, permission)
        notice = {"text": f"{team} has {permission} on {name}."}
    if before != sharing.PERMISSIONS.get(permission, permission):
        fields = {"package": name, "permission": before}
        notice["undo"] = {"url": reverse("team-grants", args=[org, team]), "fields": fields}
    return _change(request, org, team, change, notice, "grant_error")


def delete_team(request, org: str, team: str) -> HttpResponse:
    """Delete a team, once its name was typed; the page says who loses what."""
    found = org_access.find(request.actor, Action.TEAMS, org)
    wanted = org_access.find_team(found, team)
    context = _team_context(request, found, wanted)
    if request.method == "POST":
        if request.POST.get("confirm", "").strip() == team:
            team_verbs.destroy(request.actor, org, team)
            messages.success(request, f"The team {team} is gone.")
            return redirect("org-teams", found.name)
        context["error"] = f"Type {team} to confirm."
    return render(request, "pages/team_delete.html", context)


def activity(request, org: str) -> HttpResponse:
    """What happened in an org; of packages, only what the viewer may see."""
    found = org_access.find(request.actor, Action.PEOPLE, org)
    events = AuditEvent.objects.filter(org=found.name)
    if Action.TEAMS not in org_access.can(request.actor, found):
        seen = access.visible_to(request.actor).filter(scope=found.scope).values("name")
        events = changes.heard_by(request.actor, events.filter(Q(package="") | Q(package__in=seen)))
    page = Paginator(events, A_PAGE).get_page(request.GET.get("page"))
    return render(request, "pages/org_activity.html", org_head(request, found) | {"tab": "activity", "page": page})


def org_head(request, org: Org) -> dict[str, Any]:
    """An org's head with the number of packages that the viewer may see."""
    seen = access.visible_to(request.actor).filter(scope=org.scope)
    counts = seen.aggregate(all=Count("pk"), private=Count("pk", filter=Q(access=Access.RESTRICTED)))
    return head(request, org) | {"package_count": counts["all"], "private_count": counts["private"]}


def _change(request, org: str, team: str, change, notice: dict[str, Any], error: str) -> HttpResponse:
    found = org_access.find(request.actor, Action.PEOPLE, org)
    try:
        change()
    except Refusal as refusal:
        context = _team_context(request, found, org_access.find_team(found, team)) | {error: refusal.message}
        return render(request, "partials/team.html" if request.htmx else "pages/team.html", context)
    context = _team_context(request, found, org_access.find_team(found, team))
    page = reverse("team", args=[found.name, team])
    return answer(request, "partials/team.html", context, page=page, notice=notice)


def _team_context(request, org: Org, team: Team) -> dict[str, Any]:
    visible = access.visible_to(request.actor).filter(scope=org.scope)
    given = team.grants.filter(package__in=visible.values("pk")).select_related("package").order_by("package__name")
    taken = given.values("package")
    return org_head(request, org) | {
        "tab": "teams",
        "team": team,
        "teams": org.teams.annotate(size=Count("seats")),
        "grants": given,
        "seats": team.seats.select_related("membership__user"),
        "free_packages": visible.exclude(pk__in=taken).order_by("name")[:200],
        "free_members": org.memberships.exclude(seats__team=team).select_related("user")[:200],
    }
