"""Groups of the sign-in provider or the directory as seats in teams: only in those that the settings name."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import transaction

from accounts import audit
from accounts.actor import Actor
from accounts.models import User
from orgs import organizations, telling
from orgs.models import Membership, Role, Seat, Team

logger = logging.getLogger(__name__)


def seat(sender, actor: Actor, user: User, groups: set[str], teams: dict[str, list[tuple[str, str]]], **more) -> None:
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
