"""Access, explained: what a person, a team or a token may do with a package, and every grant that says so."""

from __future__ import annotations

from dataclasses import dataclass, field

from accounts import bearer, limits, people, tokens
from accounts.actor import Actor
from accounts.models import Token, User
from orgs.models import Membership, Team
from packages import access, collaborators, reasons
from packages.access import Action
from packages.models import Package, Permission, TwoFactor
from packages.policy import BY_PERMISSION, POWER, Standing
from packages.reasons import Reason
from registry_site.errors import NotAllowed, NotFound, OneTimePassRequired

ASKED = (Action.VIEW, Action.DOWNLOAD, Action.PUBLISH, Action.MANAGE)


@dataclass(frozen=True)
class Explanation:
    """What somebody may do here, and why.

    kind: person, team or token. can: each of ASKED with yes or no. reasons: every grant, the strongest first.
    notes: what else counts, as whole sentences.
    """

    kind: str
    name: str
    can: list[tuple[str, bool]]
    reasons: list[Reason] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def explain(actor: Actor, package: Package, text: str, why: reasons.Reasons | None = None) -> Explanation:
    """Explain the access of `bob`, of the team `acme:core`, or of one of the actor's own tokens, by its prefix.

    package: found for the actor. why: as for `collaborators.everyone`.
    Tokens belong to their person: nobody else's is explained.
    Raises NotAllowed for an actor who may not see who uses the package, NotFound for a name that is none.
    """
    if not collaborators.may_see_people(package):
        raise NotAllowed(f"only those who belong to {package.name} see who else uses it")
    if text.startswith(bearer.PREFIX):
        return _of_token(actor, package, text, why)
    if ":" in text:
        return _of_team(package, text.rpartition(":")[2])
    try:
        user = people.find(text)
    except NotFound as refusal:
        raise NotFound(refusal.message + people.did_you_mean(text)) from refusal
    return _of_person(package, user, why)


def _of_person(package: Package, user: User, found: reasons.Reasons | None) -> Explanation:
    given = (reasons.every(package) if found is None else found).get(user.pk, [])
    can = _allowed(Actor(user), package)
    notes = [*_public(package), *_two_factor(package)]
    if not given and package.in_org and (why := _member_without(package, user)):
        notes.append(why)
    return Explanation("person", user.username, _answers(can), given, notes)


def _of_team(package: Package, name: str) -> Explanation:
    team = Team.objects.filter(org__scope=package.scope, name=name).first() if package.in_org else None
    if team is None:
        raise NotFound(f"{package.scope.name if package.scope else package.name} has no team {name}")
    grant = package.team_grants.filter(team=team).first()
    standing = BY_PERMISSION[Permission(grant.permission)] if grant else Standing.MEMBER
    given = [Reason(standing, "team", team.name)] if grant else []
    can = access.granted(package.kind, package.access, standing)
    notes = [*_public(package), f"It has {team.seats.count()} members; the org's owners and admins can more."]
    return Explanation("team", f"{package.scope.name}:{team.name}", _answers(can), given, notes)


def _of_token(actor: Actor, package: Package, prefix: str, found: reasons.Reasons | None) -> Explanation:
    token = next((each for each in _own_tokens(actor) if each.prefix == prefix[: bearer.SHOWN]), None)
    if token is None:
        raise NotFound(f"you have no token that begins with {prefix[: bearer.SHOWN]}")
    given = (reasons.every(package) if found is None else found).get(actor.user.pk, [])
    can = _allowed(Actor(actor.user, token, token.prefix), package)
    notes = [f"The token {limits.sentence(token)}.", *_public(package), *_two_factor(package)]
    if not can and not Actor(actor.user, token).covers(package.name):
        notes.append("It is limited to other packages.")
    return Explanation("token", f"{token.prefix}…", _answers(can), given, notes)


def _allowed(actor: Actor, package: Package) -> frozenset[Action]:
    # Of somebody else, person and credential; what would ask for a one-time password counts as allowed.
    found = access.again(actor, package)
    return frozenset(action for action in access.can(found) if _suits(actor, action, found))


def _suits(actor: Actor, action: Action, package: Package) -> bool:
    try:
        actor.require(POWER[action], package=package.name)
        if action in (Action.PUBLISH, Action.MANAGE):
            access.require_two_factor(actor, package, package.two_factor)
    except OneTimePassRequired:
        return True
    except NotAllowed:
        return False
    return True


def _own_tokens(actor: Actor) -> list[Token]:
    return tokens.live(actor.user) if actor.user is not None else []


def _answers(can: frozenset[Action]) -> list[tuple[str, bool]]:
    return [(action.value, action in can) for action in ASKED]


def _public(package: Package) -> list[str]:
    if package.is_private:
        return []
    return [f"The package is public: {reasons.the_public()} can view and download it."]


def _two_factor(package: Package) -> list[str]:
    if package.two_factor == TwoFactor.NONE:
        return []
    return [f"Publishing and managing ask for {TwoFactor(package.two_factor).label}."]


def _member_without(package: Package, user: User) -> str:
    membership = Membership.objects.filter(org__scope=package.scope, user=user).first()
    if membership is None:
        return f"{user} is not a member of {package.scope.name}, which holds this package."
    if membership.org.requires_two_factor and not user.has_two_factor:
        return f"{user} is a member of {package.scope.name}, which asks for two-factor; {user} has not set it up."
    return f"{user} is a member of {package.scope.name}, but in no team that was given this package."
