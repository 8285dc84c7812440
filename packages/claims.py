"""New names: who may publish what is not there yet."""

from __future__ import annotations

from contextlib import suppress

from django.conf import settings
from django.db.models import Exists, OuterRef, Q

from accounts.actor import Actor
from accounts.models import Scope
from orgs import access as org_access
from orgs.models import Membership
from packages import access
from packages.access import Action
from packages.models import Mirror, Package, PersonGrant
from packages.names import PackageName
from packages.policy import POWER
from packages.upstream import mirroring, ownership
from registry_site.errors import NotAllowed, NotFound


def find_or_claim(actor: Actor, name: PackageName, action: Action = Action.PUBLISH) -> Package | None:
    """The package to publish to, or None where the actor may take the new name.

    action: PUBLISH, or STAGE for an upload that a person releases later.
    Raises SignInRequired when nobody is signed in, NotAllowed when the person or the token may not publish here,
    Invalid for a new name that is reserved, Unavailable when upstream does not say whether it has that name. Publishing
    into a scope one has no part in is decided on the scope alone, before looking whether the package exists.
    Source: `npm publish`, which creates a package by sending its first version.
    """
    actor.require(POWER[action], package=name.full)
    if name.scope:
        _require_part_in(actor, name.scope)
    elif settings.REGISTRY_MODE == "enterprise":
        raise NotAllowed(
            "names without a scope are reserved for packages of the public registry here; "
            f"publish it in a scope of yours, as in @{actor.name}/{name.base}",
            code="unscoped_reserved",
        )
    try:
        return access.find(actor, action, name)
    except NotFound:
        try:
            _require_claimable(actor, name)
        except NotAllowed:
            with suppress(NotFound):
                return access.find(actor, action, name)  # somebody published it between the two looks
            raise
        return None


def _require_part_in(actor: Actor, scope: str) -> None:
    user = actor.user
    if user is None:
        return  # a machine: what its token covers was asked already
    part = (
        Scope.objects.filter(name=scope)
        .filter(
            Q(user=user)
            | Exists(Membership.objects.standing().filter(org__scope=OuterRef("pk"), user=user))
            | Exists(PersonGrant.objects.filter(package__scope=OuterRef("pk"), user=user))
        )
        .exists()
    )
    if not part:
        org_access.require_unlocked(actor, scope)
        raise NotAllowed(
            f"you may not publish to the scope @{scope}; use your own, @{user.username}, "
            "or that of an org you belong to",
            code="foreign_scope",
        )


def _require_claimable(actor: Actor, name: PackageName) -> None:
    if name.scope and not access.may_claim(actor, Scope.objects.get(name=name.scope)):
        raise NotAllowed(f"only @{name.scope} may add packages to its scope")
    taken = Package.objects.filter(name=name.full)
    if not taken.exists():
        name.require_usable()
        _require_not_upstream(name)
    elif not access.publishable_by(actor).filter(pk__in=taken).exclude(unpublished_at=None).exists():
        raise NotAllowed(f"you may not publish {name}; the name is not available", code="name_taken")


def _require_not_upstream(name: PackageName) -> None:
    # A name has one source. Only names without a scope are asked for, which are public here in any case.
    if name.scope or not ownership.may_ask(name.full):
        return
    if mirroring.refresh(name.full, full=False).state == Mirror.State.FOUND:
        raise NotAllowed(
            f"{name} belongs to the upstream registry; publish it in a scope of yours", code="name_upstream"
        )
