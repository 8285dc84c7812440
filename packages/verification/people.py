"""Orgs, teams and grants."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Exists, F, OuterRef, Q

from accounts.models import Scope
from orgs.models import Membership, Org, Role, Seat
from packages.models import Access, Package, Permission, PersonGrant, TeamGrant
from packages.verification.wrong import Wrong

RESTORE = "bring the database back from a backup (manage.py restore)"


def look() -> Iterator[Wrong]:
    """Every org has an owner, seats are of members, grants are of the package's own org, and every package without
    scope that is listed has an owner.
    """
    owners = Membership.objects.filter(org=OuterRef("pk"), role=Role.OWNER)
    for org in Org.objects.filter(~Exists(owners)).select_related("scope"):
        yield Wrong(f"the org {org.name}", "it has no owner", "make a member its owner in /admin/orgs/membership/")
    for seat in Seat.objects.exclude(membership__org=F("team__org")).select_related("team__org", "membership__user"):
        says = f"{seat.membership.user} sits in it and is no member of its org"
        yield Wrong(f"the team {seat.team}", says, "take the seat away in /admin/orgs/seat/")
    yield from _grants()
    owned = PersonGrant.objects.filter(package=OuterRef("pk"), permission=Permission.OWNER)
    bare = Package.objects.filter(scope=None, mirrored=False, unpublished_at=None)
    for name in bare.filter(~Exists(owned)).values_list("name", flat=True):
        yield Wrong(name, "it has no owner", "hand it over to somebody: Packages, in /admin/")


def _grants() -> Iterator[Wrong]:
    strange = TeamGrant.objects.filter(~Q(team__org__scope=F("package__scope")) | Q(package__scope=None))
    for grant in strange.select_related("team__org__scope", "package"):
        says = f"the team {grant.team} of another org has {grant.permission} on it"
        yield Wrong(grant.package.name, says, f"npm access revoke {grant.team} {grant.package.name}")
    personal = PersonGrant.objects.filter(package__scope__kind=Scope.Kind.ORG).select_related("user", "package")
    for each in personal:
        yield Wrong(each.package.name, f"{each.user} has a grant of their own on a package of an org", RESTORE)
    open_ = Package.objects.filter(scope=None).exclude(access=Access.PUBLIC)
    for name in open_.values_list("name", flat=True):
        yield Wrong(name, "it is private and has no scope", RESTORE)
