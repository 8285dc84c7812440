"""Members by teams: who sits where, changed with one click; and the same as a file."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from orgs import access, roster, teams
from orgs.access import Action
from orgs.models import Org, Team
from orgs.views.head import head
from registry_site import sheets
from registry_site.errors import Invalid
from registry_site.htmx import answer, take_notice

A_PAGE = 25
COLUMNS = 20  # teams beside each other


def matrix(request, org: str) -> HttpResponse:
    """Every member beside every team, page by page."""
    found = access.find(request.actor, Action.PEOPLE, org)
    context = head(request, found)
    wanted = _wanted(request, found)
    teams = list(found.teams.all())
    columns = _columns(teams, request.GET.get("teams"), wanted.team)
    page = roster.page(found, wanted, A_PAGE, request.GET.get("page"), everyone=context["member_count"])
    context |= {
        "tab": "members",
        "wanted": wanted,
        "teams": teams,
        "columns": columns,
        "roles": roster.ROLES,
        "page": page,
        "rows": list(roster.matrix(page, columns.object_list)),
        "notice": take_notice(request),
    }
    return render(request, "pages/org_matrix.html", context)


@require_POST
def seat(request, org: str) -> HttpResponse:
    """Put a member into a team or take one out, in words as `member bob core` and `none bob core`; offers Undo."""
    words = request.POST.get("seat", "").split()
    if len(words) != 3 or words[0] not in ("member", "none"):
        raise Invalid("say member or none, who, and which team")
    wish, user, team = words
    verb = teams.add if wish == "member" else teams.remove
    verb(request.actor, org, team, user)
    other = "none" if wish == "member" else "member"
    address = reverse("org-seat", args=[org])
    if query := request.GET.urlencode():
        address += f"?{query}"
    notice: dict[str, Any] = {
        "text": f"{user} {'joined' if wish == 'member' else 'left'} {team}.",
        "undo": {"url": address, "fields": {"seat": f"{other} {user} {team}"}},
    }
    found = access.find(request.actor, Action.PEOPLE, org)
    page = reverse("org-matrix", args=[org]) + (f"?{query}" if query else "")
    return answer(request, "partials/org_matrix_row.html", _row(found, user, team), page=page, notice=notice)


def sheet(request, org: str) -> HttpResponse:
    """The members that the filters leave, with role and teams, as CSV; owners see who has two-factor."""
    found = access.find(request.actor, Action.PEOPLE, org)
    owner = Action.MEMBERS in found.allowed
    columns = list(found.teams.all())
    members = roster.of(found, _wanted(request, found))
    head_cells = ["user", "role", "member since", *(["two-factor"] if owner else []), *(team.name for team in columns)]
    rows = (
        [
            member.user.username,
            member.role,
            member.created_at.date().isoformat(),
            *(["on" if member.two_factor else "off"] if owner else []),
            *("yes" if held else "" for _, held in cells),
        ]
        for member, cells in roster.matrix(members, columns)
    )
    return sheets.download(f"{found.name}-members", head_cells, rows)


def _wanted(request, org: Org) -> roster.Wanted:
    return roster.Wanted.read(request.GET, sees_two_factor=Action.MEMBERS in org.allowed)


def _columns(teams: list[Team], number: str | None, name: str) -> Page:
    # Of hundreds of teams some are shown; without a page in the address those around the team that is looked for.
    place = next((at for at, team in enumerate(teams) if team.name == name), 0)
    return Paginator(teams, COLUMNS).get_page(number or place // COLUMNS + 1)


def _row(org: Org, username: str, team: str) -> dict[str, Any]:
    members = roster.of(org, roster.Wanted()).filter(user__username=username)
    columns = _columns(list(org.teams.all()), None, team).object_list
    member, cells = next(roster.matrix(members, columns))
    return {"org": org, "can": org.allowed, "member": member, "member_id": str(member.pk), "cells": cells}
