"""Groups of the sign-in provider or the directory as seats in teams and roles in orgs: only those the settings name."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import transaction

from accounts import audit
from accounts.actor import Actor
from accounts.models import User
from orgs import organizations, telling
from orgs.models import Membership, Org, Role, Seat, Team

logger = logging.getLogger(__name__)

RANKS = (Role.DEVELOPER, Role.ADMIN, Role.OWNER)
Places = dict[str, list[tuple[str, str]]]


def seat(sender, actor: Actor, user: User, groups: set[str], teams: Places, **more) -> None:
    """Give the person a seat in each team of their groups, and take away those of groups they are not in.

    teams: for each group the teams (org, team) that its people sit in.
    Who is no member of the team's org becomes a developer of it, and stays one when the group goes: what the org gives
    its members is for its owners to end. Teams that do not exist are logged and passed over.
    """
    named = {place for places in teams.values() for place in places}
    wanted = {place for group in groups & teams.keys() for place in teams[group]}
    seats = Seat.objects.filter(membership__user=user, team__name__in={team for _, team in named})
    taken = set(seats.values_list("team__org__scope__name", "team__name"))
    for place in sorted(wanted - taken):
        _change(actor, user, place, _add)
    for place in sorted((named - wanted) & taken):
        _change(actor, user, place, _remove)


def appoint(sender, actor: Actor, user: User, groups: set[str], roles: Places, **more) -> None:
    """Give the person the highest role of their groups in each org.

    roles: for each group the roles (org, role) that its people have.
    A role that is named for an org is for groups to give: who has it and is in none of its groups has what their other
    groups say, or is a developer. Roles that are not named stay as people gave them, and so does the last owner.
    """
    named: dict[str, set[str]] = {}
    for org, role in (place for places in roles.values() for place in places):
        named.setdefault(org, set()).add(role)
    wanted: dict[str, str] = {}
    for org, role in (place for group in groups & roles.keys() for place in roles[group]):
        wanted[org] = max(wanted.get(org, role), role, key=RANKS.index)
    held = Membership.objects.filter(user=user, org__scope__name__in=named)
    held_roles = dict(held.values_list("org__scope__name", "role"))
    for name in sorted(named):
        if _due(held_roles.get(name), wanted.get(name), named[name]) != held_roles.get(name):
            _appoint(actor, user, name, wanted.get(name), named[name])


def _due(has: str | None, wanted: str | None, named: set[str]) -> str | None:
    if has is None or (wanted is not None and RANKS.index(wanted) > RANKS.index(has)):
        return wanted
    return (wanted or Role.DEVELOPER) if has in named else has


def _appoint(actor: Actor, user: User, org_name: str, wanted: str | None, named: set[str]) -> None:
    with transaction.atomic():
        orgs = Org.objects.select_for_update(of=("self",)).select_related("scope")
        org = orgs.filter(scope__name=org_name).first()
        if org is None:
            logger.warning("a group gives a role in the org %s, which does not exist", org_name)
            return
        membership = Membership.objects.filter(org=org, user=user).first()
        was = membership.role if membership else None
        due = _due(was, wanted, named)
        if due is None or due == was:
            return
        if membership is None:
            organizations.join(actor, org, user, due)
        elif organizations.is_last_owner(membership):
            logger.warning("%s is in no group of owners of %s, and stays its owner: the last one", user, org_name)
        else:
            membership.role = due
            membership.save(update_fields=["role"])
            audit.record(actor, "member.role", org=org.name, person=user.username, role=due, was=was, by="group")
            telling.added(actor, org, user, due)


def _change(actor: Actor, user: User, place: tuple[str, str], change: Callable[[Actor, Team, User], None]) -> None:
    org_name, team_name = place
    with transaction.atomic():
        teams = Team.objects.select_for_update(of=("self",)).select_related("org__scope")
        team = teams.filter(org__scope__name=org_name, name=team_name).first()
        if team is None:
            logger.warning("a group gives a seat in the team %s:%s, which does not exist", org_name, team_name)
        else:
            change(actor, team, user)


def _add(actor: Actor, team: Team, user: User) -> None:
    membership = Membership.objects.filter(org=team.org, user=user).first()
    if membership is None:
        membership = organizations.join(actor, team.org, user, Role.DEVELOPER)
    _, created = Seat.objects.get_or_create(team=team, membership=membership)
    if created:
        audit.record(actor, "team.joined", org=team.org.name, person=user.username, team=team.name, by="group")
        telling.seated(actor, team, user)


def _remove(actor: Actor, team: Team, user: User) -> None:
    gone, _ = Seat.objects.filter(team=team, membership__user=user).delete()
    if gone:
        audit.record(actor, "team.left", org=team.org.name, person=user.username, team=team.name, by="group")
        telling.seated(actor, team, user, out=True)
