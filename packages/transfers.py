"""Handing packages over, by an operator: when their owners are gone, or nobody is there who could do it."""

from __future__ import annotations

import enum

from django.db import transaction

from accounts import audit, people
from accounts.actor import Actor
from accounts.models import Scope, User
from orgs import organizations
from orgs.models import Membership, Org, Role
from packages import conversion, telling, trust
from packages.changes import maintaining
from packages.models import Package, Permission, PersonGrant
from registry_site.errors import Conflict, NotAllowed, NotFound


class Way(enum.Enum):
    """How a package changes hands. Its name never changes, so what holds the name decides."""

    OWNER = "owner"  # no scope: another person becomes its owner
    ORG = "org"  # the scope of an org: another person becomes an owner of the org
    SCOPE = "scope"  # the scope of a person who is gone: it becomes an org that another person owns
    NONE = "none"  # the scope of a person who is there, or the package is mirrored


def way(package: Package) -> Way:
    """How this package can be handed over. package: with its scope."""
    if package.mirrored:
        return Way.NONE
    if package.scope is None:
        return Way.OWNER
    if package.scope.kind == Scope.Kind.ORG:
        return Way.ORG
    return Way.SCOPE if package.scope.user_id is None else Way.NONE


def transfer(actor: Actor, name: str, to: str) -> Package:
    """Give a package to another person, in the way that its name allows.

    Without a scope, the person becomes its only owner; earlier owners keep read-write, so that nothing they run
    breaks at once. In an org, the person becomes an owner of the org. In the scope of somebody who deleted the
    account, the whole scope becomes an org that the person owns, and everyone who was given a package keeps that.
    Raises NotAllowed for anybody but an operator, NotFound, Conflict when the scope's person is still there.
    """
    if actor.credential != "operator":
        raise NotAllowed("only operators of this registry do this, in the admin site")
    user = people.find(to)
    with transaction.atomic():
        package = Package.objects.select_for_update(of=("self",)).select_related("scope").filter(name=name).first()
        if package is None:
            raise NotFound(f"there is no package {name}")
        match way(package):
            case Way.OWNER:
                _give(actor, package, user)
            case Way.ORG:
                _lead(actor, package.scope, user)
            case Way.SCOPE:
                _found(actor, package.scope, user)
            case Way.NONE:
                raise Conflict(
                    f"{name} stays with whoever holds its name; "
                    "a scope is handed over when the account of its person is deleted"
                )
        telling.handed_over(package, user)
    return package


def _give(actor: Actor, package: Package, user: User) -> None:
    with maintaining(package, actor, "package.transferred", person=user.username) as package:
        earlier = package.person_grants.filter(permission=Permission.OWNER).exclude(user=user)
        earlier.update(permission=Permission.WRITE)
        PersonGrant.objects.update_or_create(package=package, user=user, defaults={"permission": Permission.OWNER})


def _lead(actor: Actor, scope: Scope, user: User) -> None:
    org = Org.objects.select_for_update().get(scope=scope)
    held = Membership.objects.filter(org=org, user=user).first()
    if held is None:
        organizations.join(actor, org, user, Role.OWNER)
    elif held.role != Role.OWNER:
        audit.record(actor, "member.role", org=org.name, person=user.username, role=Role.OWNER, was=held.role)
        held.role = Role.OWNER
        held.save(update_fields=["role"])


def _found(actor: Actor, scope: Scope, user: User) -> None:
    scope = Scope.objects.select_for_update().get(pk=scope.pk)
    packages = list(Package.objects.select_for_update().filter(scope=scope))
    scope.kind = Scope.Kind.ORG
    scope.save(update_fields=["kind"])
    trust.end_all(scope)  # of who had it before
    audit.record(actor, "scope.transferred", org=scope.name, person=user.username)
    org = organizations.found(actor, scope, user)
    for package in packages:
        with maintaining(package, actor, "package.converted") as package:
            conversion.keep_collaborators(actor, org, package)
