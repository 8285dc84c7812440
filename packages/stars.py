"""Stars: packages that a person marked."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Q, QuerySet

from accounts.actor import Actor, Power
from accounts.models import User
from packages import access, webhooks
from packages.access import Action
from packages.models import Package, Star
from registry_site.errors import NotAllowed


@dataclass(frozen=True)
class Stars:
    """How many people star a package, and whether the viewer does."""

    count: int
    mine: bool


def set_star(actor: Actor, name: str, starred: bool) -> None:
    """Star a package or take the star back, for the actor's person only; the same again changes nothing.

    A star says nothing about the package: it counts no revision and asks for no one-time password, and it is not in
    the audit log, which is about what packages are and who may do what. Who changes nothing may not star either:
    a read-only token is refused. Raises SignInRequired, NotAllowed, NotFound.
    Source: `npm star|unstar`, `pnpm star|unstar`.
    """
    actor.require(Power.STAGE, package=name)  # the least that changes anything
    user = actor.user
    if user is None:
        raise NotAllowed(f"{actor.name} is no person; stars are people's")
    package = access.find(actor, Action.VIEW, name)
    with transaction.atomic():
        if starred:
            _, changed = Star.objects.get_or_create(package=package, user=user)
        else:
            changed, _ = Star.objects.filter(package=package, user=user).delete()
        if changed:
            webhooks.announce(package, actor, "package.starred" if starred else "package.unstarred")


def of_package(actor: Actor, package: Package) -> Stars:
    """How many people star a package that was found for the actor."""
    mine = Q(user=actor.user) if actor.user else Q(pk=None)
    found = package.stars.aggregate(count=Count("pk"), mine=Count("pk", filter=mine))
    return Stars(found["count"], bool(found["mine"]))


def of_person(actor: Actor, person: User) -> QuerySet[Package]:
    """The packages a person stars, of those the actor may see, the last starred first.

    Source: `npm stars [USER]`, `pnpm stars [USER]`.
    """
    found = access.visible_to(actor).filter(stars__user=person)
    return found.select_related("latest__published_by").order_by("-stars__created_at", "name")
