"""Teams: made, filled, emptied, deleted."""

from __future__ import annotations

from django.db import transaction

from accounts import audit, names
from accounts.actor import Actor
from orgs import access, telling
from orgs.access import Action
from orgs.models import FormerTeamName, Membership, Org, Seat, Team
from registry_site.errors import Conflict, Invalid, NotFound

MAX_DESCRIPTION = 200


def create(actor: Actor, org_name: str, name: str, description: str = "") -> Team:
    """Make an empty team.

    Raises NotFound, NotAllowed, Invalid for a bad name, Conflict when the org has a team of this name.
    Source: `npm team create ORG:TEAM`.
    """
    name = _clean(name)
    description = _described(description)
    with transaction.atomic():
        org = access.find(actor, Action.TEAMS, org_name, lock=True)
        _require_free(org, name)
        team = Team.objects.create(org=org, name=name, description=description)
        audit.record(actor, "team.created", org=org.name, team=name)
    return team


def destroy(actor: Actor, org_name: str, name: str) -> None:
    """Delete a team and every grant it has; `developers` stays.

    Source: `npm team destroy ORG:TEAM`.
    """
    with transaction.atomic():
        org = access.find(actor, Action.TEAMS, org_name, lock=True)
        team = access.find_team(org, name)
        if team.is_developers:
            raise Conflict("the developers team cannot be deleted: new members join it")
        seats = list(team.seats.select_related("membership__user"))
        team.delete()
        audit.record(actor, "team.deleted", org=org.name, team=name)
        telling.dissolved(actor, team, [seat.membership.user for seat in seats])


def add(actor: Actor, org_name: str, name: str, username: str) -> None:
    """Give a member of the org a seat in the team; twice changes nothing.

    Raises NotFound for a team the org lacks or a person who is no member of the org.
    Source: `npm team add ORG:TEAM USER`.
    """
    username = username.removeprefix("@")
    with transaction.atomic():
        org = access.find(actor, Action.TEAMS, org_name, lock=True)
        team = access.find_team(org, name)
        membership = Membership.objects.filter(org=org, user__username=username).first()
        if membership is None:
            raise NotFound(f"{username} is not a member of {org.name}; an owner adds members with npm org set")
        _, created = Seat.objects.get_or_create(team=team, membership=membership)
        if created:
            audit.record(actor, "team.joined", org=org.name, person=username, team=name)
            telling.seated(actor, team, membership.user)


def remove(actor: Actor, org_name: str, name: str, username: str) -> None:
    """Take a member's seat in the team away; the person stays in the org.

    Source: `npm team rm ORG:TEAM USER`.
    """
    username = username.removeprefix("@")
    with transaction.atomic():
        org = access.find(actor, Action.TEAMS, org_name, lock=True)
        team = access.find_team(org, name)
        seat = Seat.objects.select_related("membership__user").filter(team=team, membership__user__username=username)
        if (gone := seat.first()) is None:
            raise NotFound(f"{username} is not in the team {name}")
        gone.delete()
        audit.record(actor, "team.left", org=org.name, person=username, team=name)
        telling.seated(actor, team, gone.membership.user, out=True)


def change(actor: Actor, org_name: str, name: str, *, new_name: str, description: str) -> Team:
    """Give a team another name and say what it is for.

    The old name stays the team's: its page leads on, and no other team of the org takes it. npm knows the new one only.
    Raises Conflict for `developers`, and when another team has or had the name; Invalid, NotFound.
    """
    new_name = _clean(new_name)
    description = _described(description)
    with transaction.atomic():
        org = access.find(actor, Action.TEAMS, org_name, lock=True)
        team = access.find_team(org, name)
        if description != team.description:
            team.description = description
            audit.record(actor, "team.described", org=org.name, team=team.name)
        if new_name != team.name:
            if team.is_developers:
                raise Conflict("the developers team keeps its name: new members join it")
            team.former_names.filter(name=new_name).delete()
            _require_free(org, new_name)
            FormerTeamName.objects.create(org=org, team=team, name=team.name)
            audit.record(actor, "team.renamed", org=org.name, team=new_name, was=team.name)
            team.name = new_name
        team.save(update_fields=["name", "description"])
    return team


def _require_free(org: Org, name: str) -> None:
    if org.teams.filter(name=name).exists():
        raise Conflict(f"{org.name} has a team {name} already")
    former = org.former_team_names.select_related("team").filter(name=name).first()
    if former is not None:
        raise Conflict(f"{name} is a former name of the team {former.team.name}; choose another")


def _described(text: str) -> str:
    if len(text) > MAX_DESCRIPTION:
        raise Invalid(f"a description has at most {MAX_DESCRIPTION} characters")
    return text.strip()


def _clean(name: str) -> str:
    folded = name.strip().lower()
    if folded == "new":  # the page that makes a team is at this address
        raise Invalid("a team cannot be called new; choose another name", code="invalid_name")
    if folded in names.RESERVED:  # they are taken for users and orgs; a team called docs or security is fine
        return folded
    return names.clean(name)
