"""The policy: one table, and one SQL expression behind both "may this actor" and "what may this actor see"."""

from __future__ import annotations

import enum

from django.conf import settings
from django.db.models import Case, Expression, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Greatest

from accounts.actor import Actor, Power
from accounts.models import Scope
from accounts.twofactor import present
from orgs.models import Membership, Role
from packages.models import Access, Package, Permission, PersonGrant, TeamGrant, TwoFactor
from packages.names import PackageName
from registry_site.errors import NotAllowed, NotFound
from registry_site.prepared import PreparedQuery


class Action(enum.StrEnum):
    VIEW = "view"
    DOWNLOAD = "download"
    STAGE = "stage"  # what a person releases later; whoever may publish, and no second factor is asked for
    PUBLISH = "publish"  # a version, deprecation, tags
    MANAGE = "manage"  # access level, grants, unpublish


class Standing(enum.IntEnum):
    """Where a person stands towards a package; each step includes those before it."""

    ANYONE = 0
    SIGNED_IN = 1
    MEMBER = 2
    READER = 3
    WRITER = 4
    OWNER = 5
    NOBODY = 9  # asked for by a right that nobody has


class Kind(enum.IntEnum):
    """Who holds a package's name."""

    ORG = 1
    USER = 2
    NONE = 3
    UPSTREAM = 4
    UPSTREAM_SCOPE = 5  # upstream, too, and the name has a scope


ANYONE, SIGNED_IN, READER, WRITER, OWNER, NOBODY = (
    Standing.ANYONE, Standing.SIGNED_IN, Standing.READER, Standing.WRITER, Standing.OWNER, Standing.NOBODY,
)  # fmt: skip
ORG, USER, NONE, UPSTREAM, UPSTREAM_SCOPE = Kind
PUBLIC, RESTRICTED = Access.PUBLIC, Access.RESTRICTED

POLICY: dict[str, dict[tuple[Kind, Access], tuple[Standing, Standing, Standing, Standing]]] = {
    "public": {  # view       download   publish  manage      a missing row allows nobody
        (ORG, RESTRICTED):   (READER,    READER,    WRITER,  OWNER),
        (ORG, PUBLIC):       (ANYONE,    ANYONE,    WRITER,  OWNER),
        (USER, RESTRICTED):  (READER,    READER,    WRITER,  OWNER),
        (USER, PUBLIC):      (ANYONE,    ANYONE,    WRITER,  OWNER),
        (NONE, PUBLIC):      (ANYONE,    ANYONE,    WRITER,  OWNER),
        (UPSTREAM, PUBLIC):  (ANYONE,    ANYONE,    NOBODY,  NOBODY),
        (UPSTREAM_SCOPE, PUBLIC): (ANYONE, ANYONE,  NOBODY,  NOBODY),
    },
    "enterprise": {
        (ORG, RESTRICTED):   (READER,    READER,    WRITER,  OWNER),
        (ORG, PUBLIC):       (SIGNED_IN, SIGNED_IN, WRITER,  OWNER),
        (USER, RESTRICTED):  (READER,    READER,    WRITER,  OWNER),
        (USER, PUBLIC):      (SIGNED_IN, SIGNED_IN, WRITER,  OWNER),
        (UPSTREAM, PUBLIC):  (ANYONE,    ANYONE,    NOBODY,  NOBODY),
        (UPSTREAM_SCOPE, PUBLIC): (SIGNED_IN, SIGNED_IN, NOBODY, NOBODY),
    },
}  # fmt: skip
_COLUMN = {Action.VIEW: 0, Action.DOWNLOAD: 1, Action.STAGE: 2, Action.PUBLISH: 2, Action.MANAGE: 3}
POWER = {
    Action.VIEW: Power.READ,
    Action.DOWNLOAD: Power.READ,
    Action.STAGE: Power.STAGE,
    Action.PUBLISH: Power.WRITE,
    Action.MANAGE: Power.GOVERN,
}
BY_PERMISSION = {Permission.READ: READER, Permission.WRITE: WRITER, Permission.OWNER: OWNER}
BY_ROLE = {Role.OWNER: OWNER, Role.ADMIN: OWNER, Role.DEVELOPER: Standing.MEMBER}

# Who holds a name, as a condition on the package's row; exactly one of them is true.
_IS = {
    UPSTREAM: Q(mirrored=True) & ~Q(name__startswith="@"),
    UPSTREAM_SCOPE: Q(mirrored=True, name__startswith="@"),
    NONE: Q(mirrored=False, scope=None),
    ORG: Q(mirrored=False, scope__kind=Scope.Kind.ORG),
    USER: Q(mirrored=False, scope__kind=Scope.Kind.USER),
}
_KIND = Case(*(When(held, then=Value(kind)) for kind, held in _IS.items()), output_field=IntegerField())


def required(action: Action) -> Case:
    """The standing that the policy table asks for, as SQL over a package's row."""
    rows = POLICY[settings.REGISTRY_MODE]
    column = _COLUMN[action]
    return Case(
        *(When(_IS[kind] & Q(access=level), then=Value(row[column])) for (kind, level), row in rows.items()),
        default=Value(NOBODY),
        output_field=IntegerField(),
    )


def standing(user_id: int | None) -> Expression:
    """Where a person stands, as SQL over a package's row; computed from live rows, so a right ends with its row.

    The most that any of four says: the scope, the role in its org, the teams, a grant of the person's own. An org
    that asks for two-factor gives nothing to a member without.
    """
    if user_id is None:
        return Value(ANYONE, output_field=IntegerField())
    unlocked = Q(team__org__requires_two_factor=False) | present.of(user_id)
    seats = TeamGrant.objects.filter(unlocked, package=OuterRef("pk"), team__seats__membership__user=user_id)
    memberships = Membership.objects.standing().filter(org__scope=OuterRef("scope"), user=user_id)
    return Greatest(
        Value(SIGNED_IN),
        Case(When(scope__user=user_id, then=Value(OWNER)), default=Value(SIGNED_IN), output_field=IntegerField()),
        _most(memberships, "role", BY_ROLE),
        _most(seats.filter(team__org__scope=OuterRef("scope")), "permission", BY_PERMISSION),
        _most(PersonGrant.objects.filter(package=OuterRef("pk"), user=user_id), "permission", BY_PERMISSION),
    )


def _most(rows: QuerySet, column: str, gives: dict[str, Standing]) -> Coalesce:
    whens = [When(**{column: word}, then=Value(level)) for word, level in gives.items()]
    level = Case(*whens, default=Value(SIGNED_IN), output_field=IntegerField())
    highest = rows.annotate(level=level).order_by("-level").values("level")[:1]
    return Coalesce(Subquery(highest, output_field=IntegerField()), Value(SIGNED_IN))


def _standing_of(actor: Actor) -> Expression:
    token = actor.token
    if token is None or not (token.is_limited or actor.is_machine):
        return standing(actor.user.pk if actor.user else None)
    # Outside its limits a token only shows that somebody is logged in.
    inside = Q(name__in=token.packages) | Q(scope__name__in=token.scopes)
    if token.permission == token.Permission.NONE:
        inside = Q(pk=None)
    if actor.is_service:
        inside &= Q(scope=token.holder_id)
    most = READER if token.read_only else WRITER
    theirs = Value(most) if actor.is_machine else standing(actor.user.pk)
    return Case(When(inside, then=theirs), default=Value(SIGNED_IN), output_field=IntegerField())


def _ranked(actor: Actor) -> QuerySet[Package]:
    return Package.objects.annotate(kind=_KIND, standing=_standing_of(actor)).select_related("scope")


def _named(name: str) -> QuerySet[Package]:
    return Package.objects.annotate(kind=_KIND).select_related("scope").filter(unpublished_at=None, name=name)


_NAMED = PreparedQuery(_named, str)
_NAMED_FOR = PreparedQuery(lambda user_id, name: _named(name).annotate(standing=standing(user_id)), int, str)


def _one_ranked(actor: Actor, name: str) -> Package | None:
    # What `_ranked` says of one name, for a tenth of the work: every request of a client asks this.
    token = actor.token
    is_inside = actor.covers(name)
    if actor.user is not None and is_inside:
        return _NAMED_FOR.first(actor.user.pk, name)
    package = _NAMED.first(name)
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
    found = _ranked(actor).filter(standing__gte=required(Action.VIEW))
    return found if unpublished else found.filter(unpublished_at=None)


def publishable_by(actor: Actor) -> QuerySet[Package]:
    """Every package the actor may publish to, also those that no version of is listed.

    The only way to what is staged, where a name whose first version waits is hidden from everybody else, and to a name
    that was used before.
    """
    return _ranked(actor).filter(standing__gte=required(Action.PUBLISH))


def find(actor: Actor, action: Action, name: str | PackageName, *, lock: bool = False) -> Package:
    """The package of this name, for an actor who may do `action` with it; it carries `kind` and `standing`.

    name: need not be well-formed; a malformed name is as missing as any other.
    lock: take the package's row first, inside a transaction that will change it more than once.
    Raises SignInRequired, NotFound in the same words for hidden and missing, NotAllowed saying what is lacking.
    """
    name = str(name)
    if action not in (Action.VIEW, Action.DOWNLOAD):
        actor.require(POWER[action], package=name)
    if lock:
        Package.objects.select_for_update().filter(name=name).first()
    package = _one_ranked(actor, name)
    if package is None or Action.VIEW not in can(package):
        raise missing(actor, name)
    if action not in can(package):
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


def granted(kind: int, level: str, standing: int) -> frozenset[Action]:
    """What the policy table gives to somebody of this standing, for packages of this kind and access level."""
    row = POLICY[settings.REGISTRY_MODE].get((Kind(kind), Access(level)))
    if row is None:
        return frozenset()
    return frozenset(action for action, column in _COLUMN.items() if standing >= row[column])


def again(actor: Actor, package: Package) -> Package:
    """The row of a package that was found, as it is now, with the standing of this actor towards it."""
    return _ranked(actor).get(pk=package.pk)


def is_open(package: Package) -> bool:
    """Whether anybody may see the package without signing in. package: as `find` gave it."""
    row = POLICY[settings.REGISTRY_MODE].get((Kind(package.kind), Access(package.access)))
    return row is not None and row[_COLUMN[Action.VIEW]] == ANYONE


def recheck(actor: Actor, action: Action, package: Package, *, claimed: bool = False) -> Package:
    """Ask the policy again inside the write transaction, on the row that is locked there.

    claimed: the package is new in this transaction; whoever may add it to its scope may publish it, also a member
    of an org who is in none of its teams.
    A right that was taken away while an upload ran is gone. Raises as `find`.
    """
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
