"""What a person may do with an org: one table over the person's role."""

from __future__ import annotations

import enum

from accounts.actor import Actor, Power
from orgs.models import FormerName, Membership, Org, Role, Team
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


class Moved(NotFound):
    """It has another name now; pages lead there, and to npm the old one is missing.

    now: the words of a page's address, `org` and `team`, as they are today.
    """

    def __init__(self, message: str, **now: str) -> None:
        super().__init__(message)
        self.now = now


def role_of(actor: Actor, org: Org) -> str | None:
    """The role of the actor's person in the org, None for strangers and nobody.

    None also for a member without two-factor where the org asks for it: nothing comes through the org then.
    """
    if actor.user is None or _is_outside(actor, org):
        return None
    held = Membership.objects.standing().filter(org=org, user=actor.user)
    return held.values_list("role", flat=True).first()


def can(actor: Actor, org: Org) -> frozenset[Action]:
    """Everything the actor's person may do with this org; pages show only these."""
    return ALLOWED[role_of(actor, org)]


def find(actor: Actor, action: Action, name: str, *, lock: bool = False) -> Org:
    """The org of this name, for an actor who may do `action` with it; `allowed` is everything the actor may.

    lock: take the org's row, inside a transaction, so that what is checked is what is changed.
    Raises SignInRequired, NotFound for a name no org holds, NotAllowed saying what is missing.
    """
    actor.require_admitted()
    if action != Action.VIEW:
        actor.require(Power.READ if action == Action.PEOPLE else Power.GOVERN, org=name.removeprefix("@"))
    orgs = Org.objects.select_related("scope").filter(scope__name=name.removeprefix("@"))
    org = (orgs.select_for_update(of=("self",)) if lock else orgs).first()
    if org is None:
        raise _missing(name.removeprefix("@"))
    org.allowed = can(actor, org)
    if action not in org.allowed:
        require_unlocked(actor, org.name)
        raise NotAllowed(_LACKING[action].format(org=org.name))
    return org


def is_locked_out(actor: Actor, org: Org) -> bool:
    """Whether the actor's person is a member for whom nothing comes through the org until two-factor is on."""
    if actor.user is None or not org.requires_two_factor:
        return False
    return Membership.objects.filter(org=org, user=actor.user).exists() and role_of(actor, org) is None


def require_unlocked(actor: Actor, name: str) -> None:
    """Raises NotAllowed, saying what to do, for a member without two-factor of an org that asks for it."""
    org = Org.objects.select_related("scope").filter(scope__name=name, requires_two_factor=True).first()
    if org is not None and not _is_outside(actor, org) and is_locked_out(actor, org):
        raise NotAllowed(
            f"{org.name} asks its members for two-factor authentication: turn it on under Settings on the website, or "
            "with npm profile enable-2fa; until then nothing comes through the org",
            code="two_factor_required",
        )


def _missing(name: str) -> NotFound:
    message = f"there is no org {name}"
    former = FormerName.objects.select_related("org__scope").filter(scope__name=name).first()
    return Moved(message, org=former.org.name) if former else NotFound(message)


def _is_outside(actor: Actor, org: Org) -> bool:
    # A limited token reaches the packages it names; of an org it shows something only when it names the org, too.
    token = actor.token
    return token is not None and token.is_limited and org.name not in token.orgs


def find_team(org: Org, name: str) -> Team:
    """The team of this name in an org that was found for the actor. Raises NotFound."""
    team = org.teams.filter(name=name).first()
    if team is None:
        message = f"{org.name} has no team {name}"
        former = org.former_team_names.select_related("team").filter(name=name).first()
        raise Moved(message, team=former.team.name) if former else NotFound(message)
    return team
