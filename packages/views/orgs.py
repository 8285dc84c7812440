"""Pages of an org that show packages: its list, and its teams with what they were given."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.db.models import Count, Exists, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.endpoint import registry
from orgs import access as org_access
from orgs import teams as team_verbs
from orgs.access import Action
from orgs.models import DEVELOPERS, Org, Seat, Team
from orgs.views.head import head
from packages import access, downloads, previews, search, sharing
from packages.links import link
from packages.models import Access, TeamGrant
from packages.views.paging import page_of
from registry_site.errors import Refusal
from registry_site.htmx import answer, take_notice

A_PAGE = 50
MOST_PAGES = 200  # of packages; whoever looks for one among more types a part of its name
SEATS_SHOWN = 100  # the page of members by teams has them all
TEAMS_SHOWN = 50  # beside the one that is looked at
FREE_SHOWN = 200  # members and packages that the boxes offer
SORTS = ("name", "recent", "downloads")


def packages(request, org: str) -> HttpResponse:
    """An org's packages, of those the viewer may see; filtered by name and access level, in an order of choice."""
    found = org_access.find(request.actor, Action.VIEW, org)
    text = request.GET.get("q", "").replace("\0", "").strip().lower()[:100]
    level, sort = request.GET.get("access", ""), request.GET.get("sort", "name")
    shown = search.of_scope(request.actor, found.scope)
    if text:
        shown = shown.filter(Q(name__icontains=text) | Q(description__icontains=text))
    if level in Access.values:
        shown = shown.filter(access=level)
    page = page_of(request, search.sorted_by(shown, sort), A_PAGE, most_pages=MOST_PAGES)
    page.object_list = downloads.with_weekly(page.object_list)
    context = org_head(request, found) | {
        "tab": "packages",
        "page": page,
        "q": text,
        "level": level if level in Access.values else "",
        "sort": sort if sort in SORTS else "name",
        "sorts": [(word, search.SORTS[word]) for word in SORTS],
        "homepage": link(found.homepage),
        "address": registry(request) + "/",
        "may_publish": access.may_claim(request.actor, found.scope),
    }
    return render(request, "pages/org.html", context)


def team(request, org: str, team: str = DEVELOPERS) -> HttpResponse:
    """A team: its packages, its members; beside it the other teams."""
    found = org_access.find(request.actor, Action.PEOPLE, org)
    context = _team_context(request, found, team)
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
    """Give a team a package, change it, or take it away (permission `none`); all offer Undo.

    Where somebody loses something, first the preview, then, with the team's name typed, the change.
    """
    name, permission = request.POST.get("package", "").strip(), request.POST.get("permission", "")
    held = TeamGrant.objects.filter(package__name=name, team__name=team, team__org__scope__name=org)
    before = held.values_list("permission", flat=True).first() or "none"
    found = org_access.find(request.actor, Action.PEOPLE, org)
    asks = before != "none" and request.POST.get("confirm", "").strip() != team
    if asks and Action.TEAMS in found.allowed:
        preview = previews.with_team(request.actor, name, team, permission)
        if not preview.is_harmless:
            error = f"Type {team} to confirm." if "confirm" in request.POST else ""
            pending = {"package": name, "permission": permission, "confirm_error": error}
            context = _team_context(request, found, team)
            context |= {"preview": preview, "pending": pending}
            return render(request, "partials/team.html" if request.htmx else "pages/team.html", context)
    if permission == "none":
        change = partial(sharing.revoke_team, request.actor, name, org, team)
        notice: dict[str, Any] = {"text": f"{team} no longer has {name}."}
    else:
        change = partial(sharing.grant_team, request.actor, name, org, team, permission)
        notice = {"text": f"{team} has {permission} on {name}."}
    if before != sharing.PERMISSIONS.get(permission, permission):
        fields = {"package": name, "permission": before, "confirm": team}  # it takes back what was just done
        notice["undo"] = {"url": reverse("team-grants", args=[org, team]), "fields": fields}
    return _change(request, org, team, change, notice, "grant_error")


def delete_team(request, org: str, team: str) -> HttpResponse:
    """Delete a team, once its name was typed; the page says who loses what."""
    found = org_access.find(request.actor, Action.TEAMS, org)
    wanted = org_access.find_team(found, team)
    context = head(request, found) | {"tab": "teams", "team": wanted}
    context["preview"] = previews.without_found_team(request.actor, found, wanted)
    if request.method == "POST":
        if request.POST.get("confirm", "").strip() == team:
            team_verbs.destroy(request.actor, org, team)
            messages.success(request, f"The team {team} is gone.")
            return redirect("org-teams", found.name)
        context["error"] = f"Type {team} to confirm."
    return render(request, "pages/team_delete.html", context)


def org_head(request, org: Org) -> dict[str, Any]:
    """An org's head with the number of packages that the viewer may see."""
    seen = access.seen_by(request.actor).filter(scope=org.scope)
    counts = seen.aggregate(all=Count("pk"), private=Count("pk", filter=Q(access=Access.RESTRICTED)))
    return head(request, org) | {"package_count": counts["all"], "private_count": counts["private"]}


def _change(request, org: str, team: str, change, notice: dict[str, Any], error: str) -> HttpResponse:
    found = org_access.find(request.actor, Action.PEOPLE, org)
    try:
        change()
    except Refusal as refusal:
        context = _team_context(request, found, team) | {error: refusal.message}
        return render(request, "partials/team.html" if request.htmx else "pages/team.html", context)
    context = _team_context(request, found, team)
    page = reverse("team", args=[found.name, team])
    return answer(request, "partials/team.html", context, page=page, notice=notice)


def _team_context(request, org: Org, name: str) -> dict[str, Any]:
    seats = Seat.objects.filter(team=OuterRef("pk")).order_by().values("team").annotate(all=Count("pk"))
    teams = list(org.teams.annotate(size=Coalesce(Subquery(seats.values("all")), 0)).order_by("name"))
    team = next((each for each in teams if each.name == name), None) or org_access.find_team(org, name)
    visible = access.seen_by(request.actor).filter(scope=org.scope)
    given = team.grants.filter(package__in=visible.values("pk")).select_related("package").order_by("package__name")
    seated = Exists(Seat.objects.filter(team=team, membership=OuterRef("pk")))
    members = org.memberships.annotate(seated=seated).select_related("user").order_by("-seated", "user__username")
    nearby = list(members[: SEATS_SHOWN + FREE_SHOWN])
    context = org_head(request, org) | {
        "tab": "teams",
        "team": team,
        "teams": _nearby(teams, team, request.GET.get("teams")),
        "seats": [each for each in nearby if each.seated][:SEATS_SHOWN],
        "seat_count": team.size,
        "page": page_of(request, given, A_PAGE, most_pages=MOST_PAGES),
    }
    if Action.TEAMS in org.allowed:
        taken = given.values("package")
        context["free_members"] = [each for each in nearby if not each.seated]
        context["free_packages"] = visible.exclude(pk__in=taken).order_by("name")[:FREE_SHOWN]
    return context


def _nearby(teams: list[Team], team: Team, number: str | None) -> Page:
    place = next((at for at, each in enumerate(teams) if each.pk == team.pk), 0)
    return Paginator(teams, TEAMS_SHOWN).get_page(number or place // TEAMS_SHOWN + 1)
