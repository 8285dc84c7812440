"""`npm org` and `npm team`. Shapes differ by client: npm sends `format=cli` and reads strings, pnpm reads objects."""

from __future__ import annotations

from django.http import JsonResponse

from accounts.body import read_object, text_field
from orgs import access, organizations, teams
from orgs.access import Action


def members(request, org: str) -> JsonResponse:
    """`npm org ls ORG`: the role of each member by name."""
    found = access.find(request.actor, Action.PEOPLE, org)
    return JsonResponse(dict(found.memberships.values_list("user__username", "role")))


def set_member(request, org: str) -> JsonResponse:
    """`npm org set ORG USER [ROLE]`; npm prints every field of the answer."""
    body = read_object(request)
    membership = organizations.set_member(request.actor, org, text_field(body, "user"), body.get("role"))
    return JsonResponse(
        {
            "org": {"name": membership.org.name, "size": membership.org.memberships.count()},
            "user": membership.user.username,
            "role": membership.role,
        }
    )


def remove_member(request, org: str) -> JsonResponse:
    """`npm org rm ORG USER`."""
    organizations.remove_member(request.actor, org, text_field(read_object(request), "user"))
    return JsonResponse({})


def list_teams(request, org: str) -> JsonResponse:
    """`npm team ls ORG`."""
    names = access.find(request.actor, Action.PEOPLE, org).teams.values_list("name", flat=True)
    if _is_npm(request):
        return JsonResponse([f"{org.removeprefix('@')}:{name}" for name in names], safe=False)
    return JsonResponse([{"name": name} for name in names], safe=False)


def create_team(request, org: str) -> JsonResponse:
    """`npm team create ORG:TEAM`."""
    body = read_object(request)
    team = teams.create(request.actor, org, text_field(body, "name"), text_field(body, "description", ""))
    return JsonResponse({"name": team.name}, status=201)


def destroy_team(request, org: str, team: str) -> JsonResponse:
    """`npm team destroy ORG:TEAM`."""
    teams.destroy(request.actor, org, team)
    return JsonResponse({})


def list_seats(request, org: str, team: str) -> JsonResponse:
    """`npm team ls ORG:TEAM`."""
    found = access.find_team(access.find(request.actor, Action.PEOPLE, org), team)
    names = found.seats.values_list("membership__user__username", flat=True)
    return JsonResponse(list(names) if _is_npm(request) else [{"name": name} for name in names], safe=False)


def add_seat(request, org: str, team: str) -> JsonResponse:
    """`npm team add ORG:TEAM USER`."""
    teams.add(request.actor, org, team, text_field(read_object(request), "user"))
    return JsonResponse({}, status=201)


def remove_seat(request, org: str, team: str) -> JsonResponse:
    """`npm team rm ORG:TEAM USER`."""
    teams.remove(request.actor, org, team, text_field(read_object(request), "user"))
    return JsonResponse({})


def _is_npm(request) -> bool:
    return request.GET.get("format") == "cli"
