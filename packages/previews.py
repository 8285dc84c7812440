"""What a change of access would do, before it is done: computed from the policy with and without what goes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from accounts.actor import Actor
from accounts.models import User
from orgs import access as org_access
from orgs import two_factor
from orgs.models import Membership, Org, Role, Seat, Team
from packages import access, dependents, policy, reasons, sharing, token_use
from packages.access import Action
from packages.models import Access, Package, Permission, TeamGrant, TokenUse
from packages.policy import BY_PERMISSION, Kind, Standing
from packages.reasons import Reason

MOST_TOKENS = 50


@dataclass(frozen=True)
class Preview:
    """Who gains and who loses by a change; people by name, in order.

    level: the access level that is wanted, where the change is about that.
    gains, loses: who could see and install it afterwards and not before, or the other way round.
    weakened: who still can, but publishes or manages no longer what they did.
    public: what the public is called where all of it gains or loses, else "".
    exposes: whether that is a gain. keeps: how many people can see it before and after.
    people: those who keep it, by name, where all of the public gains or loses.
    packages: the names that somebody here loses something of, where the change is about several.
    tokens: used in the last 30 days by those who lose, for what they could then no longer do.
    dependents: public packages that ask for it.
    """

    level: str = ""
    gains: list[str] = field(default_factory=list)
    loses: list[str] = field(default_factory=list)
    weakened: list[str] = field(default_factory=list)
    keeps: int = 0
    people: list[str] = field(default_factory=list)
    public: str = ""
    exposes: bool = False
    packages: list[str] = field(default_factory=list)
    tokens: list[TokenUse] = field(default_factory=list)
    dependents: list[str] = field(default_factory=list)
    versions: int = 0

    @property
    def is_harmless(self) -> bool:
        """Whether nothing is exposed and nobody loses anything: then it is done at once, and can be undone."""
        return not (self.loses or self.weakened or self.public)


def level(actor: Actor, name: str, wanted: str) -> Preview:
    """What making a package public or private does. Raises as `sharing.set_access`."""
    package = access.find(actor, Action.MANAGE, name)
    return level_of(actor, package, wanted, reasons.every(package))


def level_of(actor: Actor, package: Package, wanted: str, why: reasons.Reasons) -> Preview:
    """The same, of a package that was found for an actor who manages it. why: what `reasons.every` gave."""
    wanted = sharing.read_level(wanted)
    people = set(why)
    exposes = wanted == Access.PUBLIC
    found = Preview(
        level=wanted,
        keeps=len(named := _names(people)),
        people=named,
        public=reasons.the_public() if wanted != package.access else "",
        exposes=exposes,
        versions=package.versions.listed().count(),
    )
    if exposes or wanted == package.access:
        return found
    uses = [use for use in token_use.of_package(package) if _outside(use, package, people)]
    losers = _names({use.token.user_id for use in uses if use.token.user_id})
    return replace(found, loses=losers, tokens=uses[:MOST_TOKENS], dependents=_dependents(actor, package))


def without_person(actor: Actor, name: str, username: str) -> Preview:
    """What taking a package away from a person does. Raises as `access.find` for who may not manage it."""
    return with_person(actor, name, username, "none")


def with_person(actor: Actor, name: str, username: str, permission: str) -> Preview:
    """What giving a person another permission does, or `none`. Raises as `access.find`."""
    package = access.find(actor, Action.MANAGE, name)
    user = User.objects.filter(username=username.removeprefix("@")).first()
    standing = _standing(permission)

    def after(user_id: int, reason: Reason) -> Reason | None:
        if reason.via != "grant" or user is None or user_id != user.pk:
            return reason
        return replace(reason, standing=standing) if standing else None

    return _changed(actor, package, after)


def with_team(actor: Actor, name: str, team: str, permission: str) -> Preview:
    """What giving a team another permission does, or `none`: somebody in two teams may lose nothing."""
    package = access.find(actor, Action.MANAGE, name)
    standing = _standing(permission)

    def after(user_id: int, reason: Reason) -> Reason | None:
        if reason.via != "team" or reason.name != team:
            return reason
        return replace(reason, standing=standing) if standing else None

    return _changed(actor, package, after)


def without_team(actor: Actor, org_name: str, team: str) -> Preview:
    """What deleting a team does to all packages it was given. Raises as `orgs.access.find`, NotFound."""
    org = org_access.find(actor, org_access.Action.TEAMS, org_name)
    return without_found_team(actor, org, org_access.find_team(org, team))


def without_found_team(actor: Actor, org: Org, found: Team) -> Preview:
    """The same, for a team that was found for an actor who may delete it."""
    return _of_org(actor, org, lambda team_id: team_id != found.pk, touched=found.grants.values("package"))


def without_member(actor: Actor, org_name: str, username: str) -> Preview:
    """What ending a membership does to the member: what the person can use today and could not afterwards.

    Raises as `orgs.access.find`.
    """
    org = org_access.find(actor, org_access.Action.PEOPLE, org_name)
    member = org.memberships.filter(user__username=username).first()
    if member is None:
        return Preview()
    seen = access.visible_to(Actor(member.user)).filter(scope=org.scope, standing__gte=Standing.READER)
    mine = list(seen.order_by("name").values_list("pk", "name", "access"))
    if not mine:
        return Preview()
    hidden = {pk for pk, _, at in mine if at == Access.RESTRICTED}
    uses = [use for use in token_use.of_packages([pk for pk, *_ in mine]) if use.token.user_id == member.user_id]
    uses = [use for use in uses if use.package_id in hidden or use.what == TokenUse.What.PUBLISH]
    shown = set(access.visible_to(actor).filter(scope=org.scope).values_list("pk", flat=True))
    return Preview(
        loses=[username] if hidden else [],
        weakened=[] if hidden else [username],
        packages=[name for pk, name, _ in mine if pk in shown],
        tokens=[use for use in uses if use.package_id in shown][:MOST_TOKENS],
    )


def requiring_two_factor(actor: Actor, org_name: str) -> Preview:
    """Who loses what comes through an org, until they set two-factor up, if it asked for it; with their tokens.

    Raises as `orgs.access.find`.
    """
    org = org_access.find(actor, org_access.Action.MEMBERS, org_name)
    if org.requires_two_factor:
        return Preview()
    without = {member.user_id for member in two_factor.without(org)}
    packages = Package.objects.filter(scope=org.scope, unpublished_at=None).values("pk")
    uses = [use for use in token_use.of_packages(packages) if use.token.user_id in without]
    uses = [use for use in uses if use.package.is_private or use.what == TokenUse.What.PUBLISH]
    return Preview(loses=_names(without), keeps=org.memberships.count() - len(without), tokens=uses[:MOST_TOKENS])


# --- one package -------------------------------------------------------------------------------------------------


def _changed(actor: Actor, package: Package, after: Callable[[int, Reason], Reason | None]) -> Preview:
    gains, loses, weakened, keeps = set(), set(), set(), set()
    for user_id, given in reasons.every(package).items():
        then = [kept for kept in (after(user_id, reason) for reason in given) if kept is not None]
        could = policy.granted(package.kind, package.access, given[0].standing)
        can = policy.granted(package.kind, package.access, max([r.standing for r in then], default=Standing.SIGNED_IN))
        if Action.VIEW in could and Action.VIEW not in can:
            loses.add(user_id)
        elif could - can:
            weakened.add(user_id)
        elif can - could:
            gains.add(user_id)
        else:
            keeps.add(user_id)
    found = Preview(gains=_names(gains), loses=_names(loses), weakened=_names(weakened), keeps=len(keeps))
    if found.is_harmless:
        return found
    uses = [use for use in token_use.of_package(package) if _stops(use, loses, weakened)]
    return replace(found, tokens=uses[:MOST_TOKENS], dependents=_dependents(actor, package) if loses else [])


def _stops(use: TokenUse, loses: set[int], weakened: set[int]) -> bool:
    publishes = use.what == TokenUse.What.PUBLISH
    return use.token.user_id in loses or (publishes and use.token.user_id in weakened)


def _outside(use: TokenUse, package: Package, people: set[int]) -> bool:
    token = use.token
    if token.user_id is None:  # a machine: a service account of the org reads what is private, too
        return token.holder_id is not None and token.holder_id != package.scope_id
    return token.user_id not in people


def _dependents(actor: Actor, package: Package) -> list[str]:
    found = dependents.of(actor, package.name).filter(access=Access.PUBLIC)
    return list(found.values_list("name", flat=True)[:MOST_TOKENS])


def _standing(permission: str) -> Standing | None:
    return None if permission == "none" else BY_PERMISSION[sharing.PERMISSIONS.get(permission, Permission.READ)]


def _names(user_ids: Iterable[int]) -> list[str]:
    people = User.objects.filter(pk__in=list(user_ids), is_active=True).order_by("username")
    return list(people.values_list("username", flat=True))


# --- many packages of an org -------------------------------------------------------------------------------------


def _of_org(actor: Actor, org: Org, stays: Callable[[int], bool], *, touched) -> Preview:
    seated: dict[int, set[int]] = defaultdict(set)
    members = Membership.objects.standing().filter(org=org)
    leads: set[int] = set()
    seats = Seat.objects.filter(membership__in=members).order_by()
    for team_id, user_id, role in seats.values_list("team", "membership__user", "membership__role"):
        seated[team_id].add(user_id)
        if role in (Role.OWNER, Role.ADMIN):
            leads.add(user_id)
    given: dict[tuple[int, str, str], list[tuple[int, str]]] = defaultdict(list)
    rows = TeamGrant.objects.filter(package__in=touched, package__unpublished_at=None).order_by("team")
    for pk, name, at, team_id, permission in rows.values_list(
        "package", "package__name", "package__access", "team", "permission"
    ):
        given[pk, name, at].append((team_id, permission))
    # Packages that were given alike have the same losers: a company has few such kinds, however many packages.
    known: dict[tuple, tuple[set[int], set[int]]] = {}
    loses: set[int] = set()
    weakened: set[int] = set()
    packages: dict[int, str] = {}
    hit: dict[int, tuple[set[int], set[int]]] = {}
    for (pk, name, at), grants in given.items():
        alike = (at, tuple(grants))
        if alike not in known:
            known[alike] = _losers(at, grants, seated, leads, stays)
        lost, less = hit[pk] = known[alike]
        loses |= lost
        weakened |= less
        if lost or less:
            packages[pk] = name
    shown = set(access.visible_to(actor).filter(pk__in=packages).values_list("pk", flat=True))
    uses = [use for use in token_use.of_packages(packages) if _stops(use, *hit[use.package_id])]
    concerned = set().union(*(users for team_id, users in seated.items() if not stays(team_id)))
    return Preview(
        loses=_names(loses),
        weakened=_names(weakened - loses),
        keeps=len(concerned - loses - weakened),
        packages=sorted(packages[pk] for pk in shown),
        tokens=[use for use in uses if use.package_id in shown][:MOST_TOKENS],
    )


def _losers(
    at: str, grants: list[tuple[int, str]], seated: dict[int, set[int]], leads: set[int], stays: Callable[[int], bool]
) -> tuple[set[int], set[int]]:
    before: dict[int, Standing] = {}
    then: dict[int, Standing] = {}
    for team_id, permission in grants:
        standing = BY_PERMISSION[Permission(permission)]
        for user_id in seated[team_id] - leads:
            before[user_id] = max(before.get(user_id, Standing.MEMBER), standing)
            if stays(team_id):
                then[user_id] = max(then.get(user_id, Standing.MEMBER), standing)
    lost, less = set(), set()
    for user_id, standing in before.items():
        could = policy.granted(Kind.ORG, at, standing)
        can = policy.granted(Kind.ORG, at, then.get(user_id, Standing.MEMBER))
        if Action.VIEW in could - can:
            lost.add(user_id)
        elif could - can:
            less.add(user_id)
    return lost, less
