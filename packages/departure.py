"""What a person's account holds of packages, when the account is to be deleted."""

from __future__ import annotations

from django.urls import reverse

from accounts.departure import Obstacle
from accounts.models import Scope
from packages import trust
from packages.changes import changing
from packages.models import Package, Permission, PersonGrant

SHOWN = 10


def weigh(sender, user, consequences, **more) -> None:
    """Say what stands in the way: packages in the person's scope, and unscoped ones that nobody else owns."""
    scoped = Package.objects.filter(scope__user=user, unpublished_at=None).order_by("name")
    owned = PersonGrant.objects.filter(user=user, permission=Permission.OWNER, package__unpublished_at=None)
    others = PersonGrant.objects.filter(permission=Permission.OWNER).exclude(user=user).values("package")
    alone = Package.objects.filter(pk__in=owned.values("package"), scope=None).exclude(pk__in=others).order_by("name")
    for found, what, page in (
        (scoped, "@{user} holds {name}. Unpublish it, or turn the account into an organization.", "package-settings"),
        (alone, "You are the only owner of {name}. Make somebody else owner, or unpublish it.", "package-access"),
    ):
        names = list(found.values_list("name", flat=True)[: SHOWN + 1])
        for name in names[:SHOWN]:
            text = what.format(user=user.username, name=name)
            consequences.obstacles.append(Obstacle(text, reverse(page, args=[name])))
        if len(names) > SHOWN:
            consequences.obstacles.append(Obstacle(f"And {found.count() - SHOWN} more packages."))
    given = PersonGrant.objects.filter(user=user).count()
    if given:
        consequences.ends.append(f"what you were given on {given} package{'s' * (given != 1)}")


def leave(sender, actor, user, **more) -> None:
    """End the person's grants, through the door that all changes of a package take, and their trust in workflows."""
    for grant in PersonGrant.objects.filter(user=user).select_related("package").order_by("package_id"):
        with changing(grant.package, actor, "person.left", person=user.username):
            grant.delete()
    for scope in Scope.objects.filter(user=user):
        trust.end_all(scope)
