"""What a person may do with an org: one table over the person's role."""

from __future__ import annotations

import enum

from accounts.actor import Actor, Power
from orgs.models import Membership, Org, Role, Team
from registry_site.errors import NotAllowed, NotFound


class Action(enum.StrEnum):
    VIEW = "view"  # its name and the packages one may see
    PEOPLE = "people"  # members, teams, activity
    TEAMS = "teams"  # make, fill and delete teams
    MEMBERS = "members"  # add, remove, give roles, settings


_EVERYONE = frozenset({Action.VIEW})
ALLOWED: dict[str | None, frozenset[Action]] = {
    None: _EVERYONE,
    Role.DEVELOPER: _EVERYONE | {Action.PEOPLE},
    Role.ADMIN: _EVERYONE | {Action.PEOPLE, Action.TEAMS},
    Role.OWNER: frozenset(Action),
}

_LACKING = {
    Action.PEOPLE: "you are not a member of {org}",
    Action.TEAMS: "only owners and admins of {org} manage its teams",
    Action.MEMBERS: "only owners of {org} manage its members",
}


def role_of(actor: Actor, org: Org) -> str | None:
    """The role of the actor's person in the org, None for strangers and nobody."""
    if actor.user is None or _is_outside(actor, org):
        return None
    return Membership.objects.filter(org=org, user=actor.user).values_list("role", flat=True).first()


def can(actor: Actor, org: Org) -> frozenset[Action]:
    """Everything the actor's person may do with this org; pages show only these."""
    return ALLOWED[role_of(actor, org)]


def find(actor: Actor, action: Action, name: str, *, lock: bool = False) -> Org:
    """The org of this name, for an actor who may do `action` with it.

    lock: take the org's row, inside a transaction, so that what is checked is what is changed.
    Raises SignInRequired, NotFound for a name no org holds, NotAllowed saying what is missing.
    """
    actor.require_admitted()
    if action != Action.VIEW:
        actor.require(Power.READ if action == Action.PEOPLE else Power.GOVERN, org=name.removeprefix("@"))
    orgs = Org.objects.select_related("scope").filter(scope__name=name.removeprefix("@"))
    org = (orgs.select_for_update(of=("self",)) if lock else orgs).first()
    if org is None:
        raise NotFound(f"there is no org {name.removeprefix('@')}")
    if action not in can(actor, org):
        raise NotAllowed(_LACKING[action].format(org=org.name))
    return org


def _is_outside(actor: Actor, org: Org) -> bool:
    # A limited token reaches the packages it names; of an org it shows something only when it names the org, too.
    token = actor.token
    return token is not None and token.is_limited and org.name not in token.orgs


def find_team(org: Org, name: str) -> Team:
    """The team of this name in an org that was found for the actor. Raises NotFound."""
    team = org.teams.filter(name=name).first()
    if team is None:
        raise NotFound(f"{org.name} has no team {name}")
    return team
