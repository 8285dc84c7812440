"""Give and take the use of a package: its access level, people, teams, owners."""

from __future__ import annotations

from django.db import transaction

from accounts import people
from accounts.actor import Actor
from accounts.models import User
from orgs import access as org_access
from orgs.models import Org
from packages import access, packuments, plans, telling
from packages.access import Action
from packages.changes import Unchanged, changing
from packages.models import Access, Package, Permission, PersonGrant, TeamGrant, TwoFactor
from packages.releases import require_revision
from registry_site.errors import Conflict, Invalid, NotAllowed, NotFound

# The words clients use for a permission, and ours: npm sends read-only and read-write.
PERMISSIONS = {
    "read": Permission.READ,
    "read-only": Permission.READ,
    "write": Permission.WRITE,
    "read-write": Permission.WRITE,
    "owner": Permission.OWNER,
}


def set_access(actor: Actor, name: str, level: str) -> None:
    """Make a package public or private (restricted); the level it has already changes nothing.

    Raises Invalid for another word or for a package without scope, PaymentRequired on a free plan.
    Source: `npm access set status=private`, POST /-/package/PKG/access.
    """
    package = access.find(actor, Action.MANAGE, name)
    level = read_level(level)
    if package.scope is None and level == Access.RESTRICTED:
        raise Invalid("a package without a scope is always public; only scoped packages can be private")
    plans.require_paid_scope(package.scope, level)
    if level == Access.RESTRICTED:
        plans.require_paid_people([grant.user for grant in package.person_grants.select_related("user")], level)
    with changing(package, actor, "access.set", access=level, was=package.access) as package:
        if package.access == level:
            raise Unchanged
        package.access = level


def set_two_factor(actor: Actor, name: str, asks: str) -> None:
    """What publishing to a package, and managing it, asks for; what it asks for already changes nothing.

    asks: one of TwoFactor. Who asks others for two-factor shows it first, so that nobody locks themselves out.
    Raises Invalid for another word, NotAllowed where the actor's person has two-factor off, OneTimePassRequired.
    Source: `npm access set mfa=none|publish|automation`, and the package's settings.
    """
    package = access.find(actor, Action.MANAGE, name)
    if asks not in TwoFactor.values:
        raise Invalid("two-factor for publishing is none, publish or automation")
    access.require_two_factor(actor, package, asks)
    with changing(package, actor, "package.two_factor", asks=TwoFactor(asks).label, was=package.two_factor) as package:
        if package.two_factor == asks:
            raise Unchanged
        package.two_factor = asks


def grant_person(actor: Actor, name: str, username: str, permission: str) -> None:
    """Give a person a package; the permission the person has already changes nothing.

    permission: read or read-write, and owner for a package without scope.
    Raises NotFound for an unknown person, NotAllowed for a package of an org, PaymentRequired on a free plan,
    Conflict when the last owner would become less.
    Source: `npm owner add` (read-write; owner where there is no scope), and the access page.
    """
    package = access.find(actor, Action.MANAGE, name)
    wanted = _personal(package, permission)
    user = people.find(username)
    if package.scope is not None and package.scope.user_id == user.pk:
        return  # the scope's user has every right already
    plans.require_paid_people([user], package.access)
    facts = {"permission": wanted.label}
    with changing(package, actor, "person.granted", person=user.username, **facts) as package:
        held = package.person_grants.filter(user=user).first()
        if held is not None and held.permission == wanted:
            raise Unchanged
        if held is not None and held.permission == Permission.OWNER:
            _require_other_owner(package, user)
        PersonGrant.objects.update_or_create(package=package, user=user, defaults={"permission": wanted})
        telling.granted(actor, package, user, wanted)


def revoke_person(actor: Actor, name: str, username: str) -> None:
    """Take a package away from a person.

    Raises NotFound when the person was not given it, Conflict for the last owner.
    """
    package = access.find(actor, Action.MANAGE, name)
    username = username.removeprefix("@")
    was = package.person_grants.filter(user__username=username).first()
    facts = {"was": was.get_permission_display()} if was else {}
    with changing(package, actor, "person.revoked", person=username, **facts) as package:
        held = package.person_grants.filter(user__username=username).select_related("user").first()
        if held is None:
            raise NotFound(f"{username} was not given {name}")
        if held.permission == Permission.OWNER:
            _require_other_owner(package, held.user)
        held.delete()
        telling.revoked(actor, package, held.user)


def grant_team(actor: Actor, name: str, org_name: str, team_name: str, permission: str) -> None:
    """Give a team of the package's org a package; the permission it has already changes nothing.

    Raises NotFound, NotAllowed, Invalid.
    Source: `npm access grant read-only|read-write ORG:TEAM PKG`.
    """
    package, team = _package_and_team(actor, name, org_name, team_name)
    wanted = _permission(permission)
    if wanted == Permission.OWNER:
        raise Invalid("a team has read or read-write")
    facts = {"team": team.name, "permission": wanted.label}
    with changing(package, actor, "team.granted", **facts) as package:
        held = package.team_grants.filter(team=team).first()
        if held is not None and held.permission == wanted:
            raise Unchanged
        TeamGrant.objects.update_or_create(package=package, team=team, defaults={"permission": wanted})


def revoke_team(actor: Actor, name: str, org_name: str, team_name: str) -> None:
    """Take a package away from a team. Raises NotFound when the team was not given it.

    Source: `npm access revoke ORG:TEAM PKG`.
    """
    package, team = _package_and_team(actor, name, org_name, team_name)
    with changing(package, actor, "team.revoked", team=team.name) as package:
        gone, _ = package.team_grants.filter(team=team).delete()
        if not gone:
            raise NotFound(f"{team} was not given {name}")


def set_owners(actor: Actor, name: str, names: tuple[str, ...], revision: str) -> None:
    """Make these people the maintainers of a package: who is new is granted, who is missing loses the grant.

    revision: the `_rev` of the client's copy, checked when anything changes: yarn 1 sends lists it never read, and who
    repeats a request whose answer got lost is told that it is done.
    Raises Conflict for another revision, an empty list or a missing scope's user; NotAllowed for a package of an org.
    Source: `npm owner add|rm`, PUT /PKG/-rev/REV with `maintainers`.
    """
    with transaction.atomic():
        package = access.find(actor, Action.MANAGE, name, lock=True)
        if set(names) != {entry["name"] for entry in packuments.maintainers(package)}:
            require_revision(package, revision)
        _set_owners(actor, package, names)


def add_owner(actor: Actor, name: str, username: str) -> None:
    """Make a person a maintainer: read-write in a user's scope, owner where there is no scope.

    Raises as `grant_person`. Source: `pnpm owner add`, PUT /-/package/PKG/owners.
    """
    package = access.find(actor, Action.MANAGE, name)
    grant_person(actor, name, username, _of_an_owner(package))


def remove_owner(actor: Actor, name: str, username: str) -> None:
    """Take a maintainer away again. Raises as `revoke_person`, and Conflict for the scope's user.

    Source: `pnpm owner rm`, DELETE /-/package/PKG/owners/USER.
    """
    package = access.find(actor, Action.MANAGE, name)
    if package.in_org:
        _personal(package, "write")
    if package.scope is not None and package.scope.name == username.removeprefix("@"):
        raise _always_owns(package)
    revoke_person(actor, name, username)


def read_level(word: str) -> Access:
    """An access level in the words of clients and pages. Raises Invalid."""
    level = "restricted" if word == "private" else word
    if level not in Access.values:
        raise Invalid("access is public or restricted (private)")
    return Access(level)


def _set_owners(actor: Actor, package: Package, names: tuple[str, ...]) -> None:
    current = {entry["name"] for entry in packuments.maintainers(package)}
    _personal(package, "write")
    if not names:
        raise Conflict(f"{package.name} must keep an owner")
    wanted = {people.find(each).username for each in names if each not in current} | (current & set(names))
    if package.scope is not None and package.scope.name not in wanted:
        raise _always_owns(package)
    for username in sorted(wanted - current):
        grant_person(actor, package.name, username, _of_an_owner(package))
    for username in sorted(current - wanted):
        revoke_person(actor, package.name, username)


def _of_an_owner(package: Package) -> Permission:
    return Permission.OWNER if package.scope is None else Permission.WRITE


def _always_owns(package: Package) -> Conflict:
    return Conflict(f"{package.scope.name} holds the scope and always owns {package.name}")


def _package_and_team(actor: Actor, name: str, org_name: str, team_name: str):
    package = access.find(actor, Action.MANAGE, name)
    org_name = org_name.removeprefix("@")
    if not package.in_org or package.scope.name != org_name:
        raise NotAllowed(f"teams of {org_name} can be given packages of @{org_name} only")
    return package, org_access.find_team(Org.objects.get(scope=package.scope), team_name)


def _personal(package: Package, permission: str) -> Permission:
    if package.in_org:
        org = package.scope.name
        raise NotAllowed(
            f"packages of an org are shared with its teams: npm access grant read-write {org}:TEAM {package.name}"
        )
    wanted = _permission(permission)
    if wanted == Permission.OWNER and package.scope is not None:
        raise Invalid(f"@{package.scope.name} owns the packages of its scope; give read or read-write")
    return wanted


def _permission(word: str) -> Permission:
    if word not in PERMISSIONS:
        raise Invalid("a permission is read-only or read-write")
    return PERMISSIONS[word]


def _require_other_owner(package: Package, user: User) -> None:
    others = package.person_grants.filter(permission=Permission.OWNER).exclude(user=user)
    if not others.exists():
        raise Conflict(f"{user} is the last owner of {package.name}; make another person owner first")
