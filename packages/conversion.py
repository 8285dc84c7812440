"""Turning a user into an org: the name, the scope and the packages stay, the person gets a new name."""

from __future__ import annotations

from accounts import audit, names, people
from accounts.actor import Actor, Power
from accounts.models import Scope, User
from orgs import organizations
from orgs.models import Org, Role, Seat, Team
from packages.changes import changing
from packages.models import Package, Permission, TeamGrant


def become_org(actor: Actor, new_name: str) -> Org:
    """Make the person's name an org that the person owns under a new name.

    Everyone who was given a package of the scope becomes a member and keeps exactly that, through a team for each
    package and permission. Packages without scope stay with the person. Raises Conflict when the new name is taken.
    """
    user = actor.require_person(Power.GOVERN)
    new_name = names.clean(new_name)
    with people.taking(new_name):
        user = User.objects.select_for_update().get(pk=user.pk)
        scope = Scope.objects.select_for_update().get(user=user)
        packages = list(Package.objects.select_for_update().filter(scope=scope))
        scope.kind, scope.user = Scope.Kind.ORG, None
        scope.save(update_fields=["kind", "user"])
        user.username = new_name
        user.save(update_fields=["username"])
        Scope.objects.create(name=new_name, kind=Scope.Kind.USER, user=user, plan=scope.plan)
        audit.record(actor, "user.became_org", org=scope.name, person=new_name)
        org = organizations.found(actor, scope, user)
        for package in packages:
            with changing(package, actor, "package.converted") as package:
                keep_collaborators(actor, org, package)
    return org


def keep_collaborators(actor: Actor, org: Org, package: Package) -> None:
    """Turn the grants of people into teams of the org that holds the scope now; inside the change of the package."""
    for permission in (Permission.READ, Permission.WRITE):
        grants = list(package.person_grants.filter(permission=permission).select_related("user"))
        if grants:
            _team_for(actor, org, package, permission, [grant.user for grant in grants])
    package.person_grants.all().delete()


def _team_for(actor: Actor, org: Org, package: Package, permission: Permission, users: list[User]) -> None:
    base = package.name.partition("/")[2]
    description = f"Had {permission.label} on {package.name}"[:200]
    team = Team.objects.create(org=org, name=f"{base}-{permission}", description=description)
    TeamGrant.objects.create(package=package, team=team, permission=permission)
    for user in users:
        membership = org.memberships.filter(user=user).first() or organizations.join(actor, org, user, Role.DEVELOPER)
        Seat.objects.get_or_create(team=team, membership=membership)
