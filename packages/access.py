"""May this actor do this, and what may this actor see: the only way to packages, for one and for many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from accounts import tokens
from accounts.actor import Actor
from accounts.models import Scope
from orgs.models import Membership, Org
from packages.models import Access, Package, TwoFactor
from packages.names import PackageName
from packages.policy import (
    ANYONE,
    COLUMN,
    ORG,
    POLICY,
    POWER,
    READER,
    SIGNED_IN,
    WRITER,
    Action,
    Kind,
    granted,
)
from packages.reach import KIND, allowed, standing, standing_of
from registry_site.errors import NotAllowed, NotFound
from registry_site.held import held
from registry_site.prepared import PreparedQuery


def _ranked(actor: Actor) -> QuerySet[Package]:
    return Package.objects.annotate(kind=KIND, standing=standing_of(actor)).select_related("scope")


def _one(**which) -> QuerySet[Package]:
    return Package.objects.annotate(kind=KIND).select_related("scope").filter(**which)


def _bare(name: str) -> QuerySet[Package]:
    return _one(name=name, unpublished_at=None).select_related(None).only(*_BARE_COLUMNS)


_BARE_COLUMNS = ("name", "scope_id", "access", "mirrored", "revision")
# Each without and with a person's standing, which is what the first of the values is for.
Prepared = tuple[PreparedQuery, PreparedQuery]


def _prepared(build: Callable[[Any], QuerySet[Package]], kind: type) -> Prepared:
    theirs = PreparedQuery(lambda user_id, which: build(which).annotate(standing=standing(user_id)), int, kind)
    return PreparedQuery(build, kind), theirs


_BY_NAME = _prepared(lambda name: _one(name=name, unpublished_at=None), str)
_BY_NAME_BARE = _prepared(_bare, str)
_BY_KEY = _prepared(lambda key: _one(pk=key), int)


def _one_ranked(actor: Actor, name: str, queries: Prepared, which: int | str) -> Package | None:
    # What `_ranked` says of one package, for a tenth of the work: every request of a client asks this.
    token = actor.token
    is_inside = actor.covers(name)
    if actor.user is not None and is_inside:
        return queries[1].first(actor.user.pk, which)
    package = queries[0].first(which)
    if package is None:
        return None
    if not actor.is_signed_in:
        package.standing = ANYONE
    elif is_inside and token.is_limited and (actor.is_publisher or package.scope_id == token.holder_id):
        package.standing = READER if token.read_only else WRITER
    else:
        package.standing = SIGNED_IN
    return package


def visible_to(actor: Actor, *, unpublished: bool = False) -> QuerySet[Package]:
    """Every package this actor may see, each with its `kind` and the actor's `standing`.

    unpublished: also those that were taken away whole; for messages that say so.
    The only way lists, search, counts and pages come to packages.
    """
    found = _ranked(actor).filter(allowed(actor, Action.VIEW))
    return found if unpublished else found.filter(unpublished_at=None)


def seen_by(actor: Actor) -> QuerySet[Package]:
    """The same packages as `visible_to`, without `kind` and `standing`: for what only counts or sorts them."""
    return Package.objects.filter(allowed(actor, Action.VIEW), unpublished_at=None)


def publishable_by(actor: Actor) -> QuerySet[Package]:
    """Every package the actor may publish to, also those that no version of is listed.

    The only way to what is staged, where a name whose first version waits is hidden from everybody else, and to a name
    that was used before.
    """
    return _ranked(actor).filter(allowed(actor, Action.PUBLISH))


def find(actor: Actor, action: Action, name: str | PackageName, *, lock: bool = False, bare: bool = False) -> Package:
    """The package of this name, for an actor who may do `action` with it; it carries `kind` and `standing`.

    name: need not be well-formed; a malformed name is as missing as any other.
    lock: take the package's row first, inside a transaction that will change it more than once.
    bare: what installs need of the row is loaded, the rest only when it is asked for.
    Raises SignInRequired, NotFound in the same words for hidden and missing, NotAllowed saying what is lacking.
    """
    name = str(name)
    if action not in (Action.VIEW, Action.DOWNLOAD):
        actor.require(POWER[action], package=name)
    if lock:
        Package.objects.select_for_update().filter(name=name).first()
    package = _one_ranked(actor, name, _BY_NAME_BARE if bare else _BY_NAME, name)
    may = can(package) if package is not None else frozenset()
    if Action.VIEW not in may:
        raise missing(actor, name)
    if action not in may:
        raise _lacking(package, action)
    if action in (Action.PUBLISH, Action.MANAGE):
        require_two_factor(actor, package, package.two_factor)
    return package


def find_unpublished(actor: Actor, name: str) -> Package:
    """The package of this name that was taken away whole, for those who may bring it back.

    Raises SignInRequired, and for everyone else the NotFound of a missing name.
    """
    actor.require(POWER[Action.MANAGE], package=name)
    package = _ranked(actor).filter(name=name).exclude(unpublished_at=None).first()
    if package is None or Action.MANAGE not in can(package):
        raise missing(actor, name)
    require_two_factor(actor, package, package.two_factor)
    return package


def may_claim(actor: Actor, scope: Scope) -> bool:
    """Whether the actor's person may add a package to this scope; a machine may add what its token is for."""
    if actor.is_service:
        return actor.token.holder_id == scope.pk
    if actor.is_publisher:
        return any(name.startswith(f"@{scope.name}/") for name in actor.token.packages)
    if actor.user is None:
        return False
    if scope.kind == Scope.Kind.USER:
        return scope.user_id == actor.user.pk
    return Membership.objects.standing().filter(org__scope=scope, user=actor.user).exists()


def can(package: Package) -> frozenset[Action]:
    """What the actor that `package` was found for may do with it; pages show only these."""
    return granted(package.kind, package.access, package.standing)


def again(actor: Actor, package: Package) -> Package:
    """The row of a package that was found, as it is now, with the standing of this actor towards it.

    Raises NotFound when it was removed meanwhile.
    """
    now = _one_ranked(actor, package.name, _BY_KEY, package.pk)
    if now is None:
        raise missing(actor, package.name)
    return now


def is_open(package: Package) -> bool:
    """Whether anybody may see the package without signing in. package: as `find` gave it."""
    row = POLICY[settings.REGISTRY_MODE].get((Kind(package.kind), Access(package.access)))
    return row is not None and row[COLUMN[Action.VIEW]] == ANYONE


def hold(actor: Actor, package: Package) -> None:
    """Keep the actor's person, and the org of the package with its members and teams, as they are in this transaction.

    Before the package's row is taken, in the order in which those take rows who suspend people or remove members: their
    change comes first, and is seen by `recheck`, or waits until this one is committed. Raises BadCredential.
    """
    tokens.hold_person(actor)
    if package.scope_id is not None:
        held(Org.objects.filter(scope=package.scope_id))


def recheck(actor: Actor, action: Action, package: Package, *, claimed: bool = False) -> Package:
    """Ask the policy again inside the write transaction, on the row that is locked there, and whether the token lives.

    claimed: the package is new in this transaction; whoever may add it to its scope may publish it, also a member
    of an org who is in none of its teams.
    A right that was taken away while an upload ran is gone. Raises as `find`, BadCredential.
    """
    tokens.hold(actor)
    now = again(actor, package)
    if claimed and now.scope is not None and may_claim(actor, now.scope):
        return now
    if action not in can(now):
        raise _lacking(now, action) if Action.VIEW in can(now) else missing(actor, package.name)
    if action in (Action.PUBLISH, Action.MANAGE):
        require_two_factor(actor, now, now.two_factor)
    return now


def require_two_factor(actor: Actor, package: Package, asks: str) -> None:
    """Goes on when the actor showed what a package with this TwoFactor setting asks for.

    A trusted publisher showed who it is; a person's token gets around it only where the setting says so.
    Raises NotAllowed where two-factor is off or a token gets around it, OneTimePassRequired.
    """
    if asks == TwoFactor.NONE or actor.is_publisher or actor.credential == "operator":
        return
    token = actor.token
    bypasses = token is not None and token.bypass_two_factor
    if bypasses and asks == TwoFactor.AUTOMATION:
        return
    if bypasses:
        raise NotAllowed(f"publishing {package.name} needs a person with two-factor; no token gets around it")
    if token is None and actor.user is not None and actor.user.has_two_factor:
        return  # a session: its person showed the second factor to sign in
    actor.require_second_factor()


def missing(actor: Actor, name: str) -> NotFound:
    """The one answer for what is hidden and what never was. Raises SignInRequired for nobody in enterprise mode."""
    actor.require_admitted()
    if not actor.is_signed_in:
        return NotFound(f"{name} is not in this registry; if it is private, run npm login first")
    return NotFound(f"{name} is not in this registry, or you do not have access to it")


def _lacking(package: Package, action: Action) -> NotAllowed:
    if package.mirrored:
        return NotAllowed(
            f"{package.name} belongs to the upstream registry and is not changed here; publish in a scope of yours"
        )
    if action in (Action.STAGE, Action.PUBLISH):
        return NotAllowed(f"you can read {package.name}, but publishing needs read-write access to it")
    who = "owners and admins of its org" if package.kind == ORG else "its owners"
    return NotAllowed(f"only {who} may do this with {package.name}")
