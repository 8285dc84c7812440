"""Groups of the sign-in provider as seats in teams: only in the teams that the settings name, at each sign-in."""

from __future__ import annotations

import logging

from django.conf import settings
from django.db import transaction

from accounts import audit
from accounts.actor import Actor
from accounts.models import User
from orgs import organizations, telling
from orgs.models import Membership, Role, Seat, Team

logger = logging.getLogger(__name__)


def seat(sender, actor: Actor, user: User, groups: set[str], **more) -> None:
    """Give the person a seat in each team of their groups, and take away those of groups they are not in.

    Who is no member of the team's org becomes a developer of it, and stays one when the group goes: what the org gives
    its members is for its owners to end. Teams that do not exist are logged and passed over.
    """
    for (org_name, team_name), names in _mapped().items():
        with transaction.atomic():
            team = (
                Team.objects.select_for_update(of=("self",))
                .select_related("org__scope")
                .filter(org__scope__name=org_name, name=team_name)
                .first()
            )
            if team is None:
                logger.warning("OIDC_GROUP_TEAMS names the team %s:%s, which does not exist", org_name, team_name)
            elif names & groups:
                _add(actor, team, user)
            else:
                _remove(actor, team, user)


def _mapped() -> dict[tuple[str, str], set[str]]:
    teams: dict[tuple[str, str], set[str]] = {}
    for group, places in settings.OIDC_GROUP_TEAMS.items():
        for place in places:
            teams.setdefault(place, set()).add(group)
    return teams


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
