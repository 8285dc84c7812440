"""The policy as SQL: where somebody stands towards one package, and which packages somebody reaches at all."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from functools import partial

from django.conf import settings
from django.db.models import Case, Expression, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Greatest

from accounts.actor import Actor
from accounts.models import Scope, Token
from accounts.twofactor import present
from orgs.models import Membership
from packages.models import Access, Package, PersonGrant, TeamGrant
from packages.policy import (
    ANYONE,
    BY_PERMISSION,
    BY_ROLE,
    COLUMN,
    NOBODY,
    NONE,
    ORG,
    OWNER,
    POLICY,
    READER,
    SIGNED_IN,
    UPSTREAM,
    UPSTREAM_SCOPE,
    USER,
    WRITER,
    Action,
    Kind,
    Standing,
)
from registry_site.prepared import PreparedSet

# Who holds a name, as a condition on the package's row; exactly one of them is true.
_IS = {
    UPSTREAM: Q(mirrored=True) & ~Q(name__startswith="@"),
    UPSTREAM_SCOPE: Q(mirrored=True, name__startswith="@"),
    NONE: Q(mirrored=False, scope=None),
    ORG: Q(mirrored=False, scope__kind=Scope.Kind.ORG),
    USER: Q(mirrored=False, scope__kind=Scope.Kind.USER),
}
_UPSTREAM, _SCOPED = {UPSTREAM, UPSTREAM_SCOPE}, {ORG, USER}
KIND = Case(*(When(held, then=Value(kind)) for kind, held in _IS.items()), output_field=IntegerField())


@dataclass(frozen=True)
class Way:
    """One way for a person to come to a standing: rows of theirs, what each names, and what its word gives.

    names: the column of a package's row that is named, `pk` or `scope`; by: the path to it from the rows.
    of_one: what else has to hold, said of the row of one package; of_all: the same, said of all rows at once.
    """

    rows: QuerySet
    names: str
    by: str
    column: str
    gives: Mapping[str, Standing]
    of_one: Mapping[str, Expression] = field(default_factory=dict)
    of_all: Mapping[str, Expression] = field(default_factory=dict)


def ways(user_id: int) -> tuple[Way, ...]:
    """All ways for this person: the scope, the role in its org, the teams, a grant of the person's own.

    An org that asks for two-factor gives nothing to a member without. Both `standing` and `within_reach` are made of
    these, so that a check and a list cannot differ.
    """
    unlocked = Q(team__org__requires_two_factor=False) | present.of(user_id)
    seats = TeamGrant.objects.filter(unlocked, team__seats__membership__user=user_id)
    org = "team__org__scope"
    # Not joined: SQLite would begin with all packages of the org.
    theirs = Subquery(Package.objects.filter(pk=OuterRef("package")).order_by().values("scope"))
    return (
        Way(Scope.objects.filter(user=user_id), "scope", "pk", "kind", dict.fromkeys(Scope.Kind, OWNER)),
        Way(Membership.objects.standing().filter(user=user_id), "scope", "org__scope", "role", BY_ROLE),
        Way(
            seats, "pk", "package", "permission", BY_PERMISSION,
            of_one={org: OuterRef("scope")}, of_all={org: theirs},
        ),
        Way(PersonGrant.objects.filter(user=user_id), "pk", "package", "permission", BY_PERMISSION),
    )  # fmt: skip


def standing(user_id: int | None) -> Expression:
    """Where a person stands, as SQL over a package's row; computed from live rows, so a right ends with its row.

    The most that any of the ways gives.
    """
    if user_id is None:
        return Value(ANYONE, output_field=IntegerField())
    return Greatest(Value(SIGNED_IN), *map(_most, ways(user_id)))


def within_reach(user_id: int, least: Standing) -> Q:
    """The packages towards which a person has at least this standing: sets as large as what was given to the person.

    least: more than SIGNED_IN, which everybody has everywhere. It says of all packages what `standing` says of one, and
    costs the same however many packages there are.
    """
    reached = Q()
    for names, rows in _reaching(least):
        reached |= Q(**{f"{names}__in": rows.of(user_id)})
    return reached


@functools.cache
def _reaching(least: Standing) -> list[tuple[str, PreparedSet]]:
    return [(way.names, PreparedSet(partial(_reached, place, least))) for place, way in enumerate(ways(0))]


def _reached(place: int, least: Standing, user_id: int) -> QuerySet:
    way = ways(user_id)[place]
    words = [word for word, level in way.gives.items() if level >= least]
    return way.rows.filter(**{f"{way.column}__in": words}, **way.of_all).order_by().values(way.by)


def _most(way: Way) -> Coalesce:
    whens = [When(**{way.column: word}, then=Value(level)) for word, level in way.gives.items()]
    level = Case(*whens, default=Value(SIGNED_IN), output_field=IntegerField())
    rows = way.rows.filter(**{way.by: OuterRef(way.names)}, **way.of_one)
    highest = rows.annotate(level=level).order_by("-level").values("level")[:1]
    return Coalesce(Subquery(highest, output_field=IntegerField()), Value(SIGNED_IN))


def standing_of(actor: Actor) -> Expression:
    """Where an actor stands: their person, no further than the credential reaches."""
    token = actor.token
    if token is None or not (token.is_limited or actor.is_machine):
        return standing(actor.user.pk if actor.user else None)
    theirs = Value(_most_of(token)) if actor.is_machine else standing(actor.user.pk)
    return Case(When(_inside(actor), then=theirs), default=Value(SIGNED_IN), output_field=IntegerField())


def _inside(actor: Actor) -> Q:
    # Outside its limits a token only shows that somebody is logged in.
    token = actor.token
    inside = Q(name__in=token.packages) | Q(scope__name__in=token.scopes)
    if token.permission == token.Permission.NONE:
        inside = Q(pk=None)
    if actor.is_service:
        inside &= Q(scope=token.holder_id)
    return inside


def _most_of(token: Token) -> Standing:
    return READER if token.read_only else WRITER


def allowed(actor: Actor, action: Action) -> Q:
    """The packages that an actor may do this with: what the table says of one, said of all packages at once."""
    rows, column = POLICY[settings.REGISTRY_MODE], COLUMN[action]
    kinds: dict[tuple[Standing, Access], set[Kind]] = {}
    for (kind, level), row in rows.items():
        kinds.setdefault((row[column], level), set()).add(kind)
    found = []
    for (least, level), held in kinds.items():
        if (stands := _stands(actor, least)) is not None:
            found.append(Q(access=level) & _held(held) & stands)
    return functools.reduce(operator.or_, found) if found else Q(pk=None)


def _stands(actor: Actor, least: Standing) -> Q | None:
    # None: nowhere. An empty condition: everywhere.
    if least == ANYONE or (least == SIGNED_IN and actor.is_signed_in):
        return Q()
    if least == NOBODY or not actor.is_signed_in:
        return None
    if actor.is_machine:
        return _inside(actor) if _most_of(actor.token) >= least else None
    reached = within_reach(actor.user.pk, least)
    return _inside(actor) & reached if actor.token is not None and actor.token.is_limited else reached


def _held(kinds: Set[Kind]) -> Q:
    # The same as one `_IS` for each, in as few comparisons as there can be.
    if kinds == set(Kind):
        return Q()
    rest, held = set(kinds), Q()
    for together, condition in ((_UPSTREAM, Q(mirrored=True)), (_SCOPED, Q(mirrored=False, scope__isnull=False))):
        if together <= rest:
            rest -= together
            held |= condition
    for kind in sorted(rest):
        held |= _IS[kind]
    return held
