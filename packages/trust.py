"""Trusted publishers: which workflows may publish a package, told by its owners before or after it exists."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import audit
from accounts.actor import Actor, Power
from accounts.models import Scope, Token
from orgs import access as org_access
from orgs.models import Org
from packages import access, providers, workflows
from packages.access import Action
from packages.changes import changing
from packages.models import Package, RefusedExchange, TrustedPublisher
from packages.names import PackageName
from registry_site.errors import Conflict, Invalid, Malformed, NotAllowed, NotFound

PUBLISH, STAGE = "createPackage", "createStagedPackage"  # npm's words
MOST_PUBLISHERS = 20
KEPT_REFUSALS = 20


def of(actor: Actor, name: str) -> list[TrustedPublisher]:
    """The trusted publishers of a package, or of a name that waits for its first version.

    A read: no one-time password is asked for. Raises as `access.find` for somebody who may not manage it.
    Source: `npm trust list`, GET /-/package/PKG/trust, and the settings page.
    """
    actor.require(Power.LOOK, package=name)
    package = access.visible_to(actor).filter(name=name).first()
    if package is None:
        _pending(actor, name)
    elif Action.MANAGE not in access.can(package):
        access.find(actor, Action.MANAGE, name)  # says what is lacking
    return list(TrustedPublisher.objects.filter(name=name))


def add(actor: Actor, name: str, kind: str, claims: Any, permissions: Any) -> TrustedPublisher:
    """Let a workflow publish a package, or create it when it does not exist yet, in a scope the actor manages.

    kind: github, gitlab, circleci or the name of an issuer. claims: what tells the workflow, as `npm trust` sends it.
    permissions: createPackage (publish), createStagedPackage (stage), or both.
    Raises Malformed, Conflict for the very same workflow again, NotAllowed for an account without two-factor,
    OneTimePassRequired, and as `access.find`.
    Source: `npm trust github|gitlab|circleci`, POST /-/package/PKG/trust.
    """
    package, scope = _managed(actor, name)
    actor.require_second_factor()
    provider = providers.known().get(kind)
    if provider is None:
        raise Malformed(f"this registry does not know {kind[:100]}; ask an operator to register the issuer")
    publisher = TrustedPublisher(
        key=uuid.uuid4(),
        name=name,
        kind=kind,
        claims=workflows.clean(provider.flavour, claims),
        permissions=_permissions(permissions),
        created_by=actor.user,
    )
    facts = {"kind": kind, "workflow": workflows.summary(provider.flavour, publisher.claims)}
    with transaction.atomic():
        if package is not None:
            with changing(package, actor, "trust.added", **facts):
                _insert(publisher)
        else:
            _lock(actor, scope)
            _insert(publisher)
            audit.record(actor, "trust.added", package=name, org=org_of(name), **facts)
    return publisher


def remove(actor: Actor, name: str, key: str) -> None:
    """Trust a workflow no longer; the tokens it was given end in the same moment.

    Raises NotFound for an unknown key, NotAllowed for an account without two-factor, OneTimePassRequired, and as
    `access.find`. Source: `npm trust revoke`, DELETE /-/package/PKG/trust/ID.
    """
    package, scope = _managed(actor, name)
    actor.require_second_factor()
    with transaction.atomic():
        publisher = _find(name, key)
        provider = providers.known().get(publisher.kind)
        workflow = workflows.summary(provider.flavour if provider else "any", publisher.claims)
        facts = {"kind": publisher.kind, "workflow": workflow}
        if package is not None:
            with changing(package, actor, "trust.removed", **facts):
                end(_find(name, key))
        else:
            _lock(actor, scope)
            end(_find(name, key))
            audit.record(actor, "trust.removed", package=name, org=org_of(name), **facts)


def end(publisher: TrustedPublisher) -> None:
    """Take a trusted publisher away and end its tokens, inside the caller's transaction, which records it."""
    Token.objects.filter(publisher_key=publisher.key, revoked_at=None).update(revoked_at=timezone.now())
    publisher.delete()


def end_all(scope: Scope) -> None:
    """Take every trusted publisher below a scope away, as who held it leaves; inside the caller's transaction."""
    for publisher in TrustedPublisher.objects.filter(name__startswith=f"@{scope.name}/"):
        end(publisher)


def pending(actor: Actor, scope: str) -> QuerySet[TrustedPublisher]:
    """The trusted publishers of a scope whose packages nobody published yet.

    Raises NotFound unless the actor manages the scope. Source: the page `/trust/@SCOPE`.
    """
    return pending_in(managed_scope(actor, scope))


def pending_in(scope: Scope) -> QuerySet[TrustedPublisher]:
    """The same, of a scope that `managed_scope` gave."""
    live = Package.objects.filter(scope=scope, unpublished_at=None).values("name")
    return TrustedPublisher.objects.filter(name__startswith=f"@{scope.name}/").exclude(name__in=live)


def managed_scope(actor: Actor, name: str) -> Scope:
    """The scope in which the actor may trust workflows before a package exists: one's own, or of an org one manages.

    Raises SignInRequired, NotFound.
    """
    actor.require(Power.READ)
    scope = Scope.objects.filter(name=name).first()
    if scope is None or not _manages(actor, scope):
        raise NotFound(f"@{name} is not a scope you manage")
    return scope


def refusals(names: Iterable[str]) -> QuerySet[RefusedExchange]:
    """The last exchanges that were refused for these names, newest first; for those who manage them."""
    return RefusedExchange.objects.filter(name__in=list(names))[:KEPT_REFUSALS]


def mark_of(actor: Actor) -> dict[str, Any]:
    """What `_npmUser` says more where a workflow published: npm's own keys; empty for a person."""
    if not actor.is_publisher or actor.token is None:
        return {}
    publisher = TrustedPublisher.objects.filter(key=actor.token.publisher_key).first()
    kind = publisher.kind if publisher else ""
    return {"trustedPublisher": {"id": kind, "oidcConfigId": f"oidc:{actor.token.publisher_key}"}}


def org_of(name: str) -> str:
    """The org in whose scope a package is or will be, "" for any other name."""
    scope = name[1:].partition("/")[0] if name.startswith("@") else ""
    return scope if Scope.objects.filter(name=scope, kind=Scope.Kind.ORG).exists() else ""


def _managed(actor: Actor, name: str) -> tuple[Package | None, Scope | None]:
    try:
        return access.find(actor, Action.MANAGE, name), None
    except NotFound:
        return None, _pending(actor, name)


def _pending(actor: Actor, name: str) -> Scope:
    # The same answer for a stranger, whether the name is hidden, free, or none at all.
    try:
        parsed = PackageName.parse(name)
    except Invalid:
        raise access.missing(actor, name) from None
    scope = Scope.objects.filter(name=parsed.scope).first() if parsed.scope else None
    if scope is None or not _manages(actor, scope):
        raise access.missing(actor, name)
    parsed.require_usable()
    return scope


def _manages(actor: Actor, scope: Scope) -> bool:
    if actor.user is None:
        return False
    if scope.kind == Scope.Kind.USER:
        return scope.user_id == actor.user.pk
    org = Org.objects.filter(scope=scope).first()
    return org is not None and org_access.Action.TEAMS in org_access.can(actor, org)


def _lock(actor: Actor, scope: Scope | None) -> None:
    if scope is None or not _manages(actor, Scope.objects.select_for_update().get(pk=scope.pk)):
        raise NotAllowed("you do not manage this scope any more")


def _insert(publisher: TrustedPublisher) -> None:
    same = TrustedPublisher.objects.filter(name=publisher.name)
    if any(each.kind == publisher.kind and each.claims == publisher.claims for each in same):
        raise Conflict("this workflow is trusted already; to change what it may do, remove it first")
    if len(same) >= MOST_PUBLISHERS:
        raise Invalid(f"{publisher.name} has {MOST_PUBLISHERS} trusted publishers, the most a package can have")
    publisher.save()


def _find(name: str, key: str) -> TrustedPublisher:
    try:
        found = TrustedPublisher.objects.select_for_update().filter(name=name, key=uuid.UUID(key)).first()
    except ValueError:
        found = None
    if found is None:
        raise NotFound(f"{name} has no such trusted publisher")
    return found


def _permissions(asked: Any) -> list[str]:
    if asked is None:
        return [PUBLISH]  # npm 11 before it knew stages
    if not isinstance(asked, list) or not asked or not all(each in (PUBLISH, STAGE) for each in asked):
        raise Malformed(f"permissions is a list of {PUBLISH}, {STAGE} or both")
    return [each for each in (PUBLISH, STAGE) if each in asked]
