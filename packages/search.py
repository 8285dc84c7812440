"""Search and listings: always of what the actor may see, totals included."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Case, Exists, IntegerField, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Length

from accounts.actor import Actor
from accounts.models import Scope, User
from packages import access
from packages.access import Standing
from packages.models import Access, Package, PersonGrant, TeamGrant, Version

MAX_TEXT = 100
MAX_WORDS = 8
SORTS = ("relevance", "recent", "name")
_QUALIFIER = re.compile(r"(?<!\S)(author|maintainer|scope|keywords|keyword|is|not|boost-exact):(\S+)")
# What a list shows of the latest version; readmes and manifests stay in the database.
_LEFT_THERE = ("full", "abbreviated", "readme", "readme_html")


@dataclass(frozen=True)
class Query:
    """What was searched for: free words and npm's qualifiers.

    scope, maintainer: names without @; keywords: any of them; is_, not_: the words after `is:` and `not:`. Nothing here
    is insecure, and an exact name always comes first, so `not:insecure` and `boost-exact:` change nothing.
    """

    words: tuple[str, ...] = ()
    scope: str = ""
    maintainer: str = ""
    keywords: tuple[str, ...] = ()
    is_: frozenset[str] = field(default_factory=frozenset)
    not_: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def parse(cls, text: str) -> Query:
        """Read a search text; an unknown qualifier is a word like any other."""
        text = text[:MAX_TEXT].replace("\0", "").lower()
        found: dict[str, list[str]] = {}
        for name, value in _QUALIFIER.findall(text):
            found.setdefault(name, []).append(value)
        words = tuple(word for word in _QUALIFIER.sub(" ", text).split() if word)[:MAX_WORDS]
        keywords = [word for each in found.get("keywords", []) + found.get("keyword", []) for word in each.split(",")]
        people = found.get("maintainer", []) + found.get("author", [])
        return cls(
            words=words,
            scope=found.get("scope", [""])[-1].removeprefix("@"),
            maintainer=people[-1].removeprefix("@") if people else "",
            keywords=tuple(word for word in keywords if word),
            is_=frozenset(found.get("is", ())),
            not_=frozenset(found.get("not", ())),
        )


def search(actor: Actor, text: str, *, access_level: str = "", sort: str = "relevance") -> QuerySet[Package]:
    """The packages an actor may see that match a text, best first, in a stable order.

    access_level: public, restricted or "" for both. sort: one of SORTS.
    Source: `npm search`, GET /-/v1/search.
    """
    query = Query.parse(text)
    found = _with_latest(access.visible_to(actor))
    for word in query.words:
        found = found.filter(Q(name__icontains=word) | Q(description__icontains=word) | Q(keywords__icontains=word))
    if query.scope:
        found = found.filter(scope__name=query.scope)
    if query.maintainer:
        found = found.filter(_maintained_by(query.maintainer))
    if query.keywords:
        has = Q()
        for word in query.keywords:
            has |= Q(keywords__icontains=f'"{word}"')
        found = found.filter(has)
    found = _by_stability(found, query)
    if access_level in Access.values:
        found = found.filter(access=access_level)
    return found.order_by(*_order(query, sort))


def of_scope(actor: Actor, scope: Scope) -> QuerySet[Package]:
    """The packages of a scope that the actor may see, by name."""
    return _with_latest(access.visible_to(actor).filter(scope=scope)).order_by("name")


def of_person(actor: Actor, person: User) -> QuerySet[Package]:
    """The packages a person publishes, of those the actor may see: the person's scope, and what was given to them.

    Each carries `theirs`, the person's own standing. People see in their own list what they can only read, too.
    """
    least = Standing.READER if actor.user == person else Standing.WRITER
    mine = Q(scope__user=person) | Exists(PersonGrant.objects.filter(package=OuterRef("pk"), user=person))
    if actor.user == person:
        given = TeamGrant.objects.filter(package=OuterRef("pk"), team__seats__membership__user=person)
        mine |= Exists(given)
    found = access.visible_to(actor).filter(mine).annotate(theirs=access.standing(person.pk))
    return _with_latest(found.filter(theirs__gte=least)).order_by("name")


def with_manifests(packages: QuerySet[Package]) -> QuerySet[Package]:
    """The same packages with the manifests of their latest versions at hand, as search results for clients need."""
    return packages.defer(None).defer(*(f"latest__{each}" for each in _LEFT_THERE if each != "full"))


def changed_since(actor: Actor, moment: datetime, most: int) -> QuerySet[Package]:
    """At most so many packages that the actor may see and that changed since, the last changed first.

    Source: `npm search` of npm 2, which keeps a copy of everything: GET /-/all/since.
    """
    changed = _with_latest(access.visible_to(actor).filter(modified_at__gte=moment))
    return changed.order_by("-modified_at", "name")[:most]


def _with_latest(packages: QuerySet[Package]) -> QuerySet[Package]:
    found = packages.select_related("latest__published_by", "scope")
    return found.defer(*(f"latest__{each}" for each in _LEFT_THERE))


def _maintained_by(name: str) -> Q:
    granted = PersonGrant.objects.filter(package=OuterRef("pk"), user__username=name).exclude(permission="read")
    return Q(scope__name=name) | Exists(granted)


def _by_stability(found: QuerySet[Package], query: Query) -> QuerySet[Package]:
    unstable = Exists(Version.objects.filter(pk=OuterRef("latest"), number__startswith="0."))
    if "unstable" in query.not_:
        found = found.exclude(unstable)
    if "unstable" in query.is_:
        found = found.filter(unstable)
    return found.none() if "insecure" in query.is_ else found


def _order(query: Query, sort: str) -> list:
    if sort == "recent":
        return ["-modified_at", "name"]
    if sort == "name" or not query.words:
        return ["name"]
    text = " ".join(query.words)
    rank = Case(
        When(Q(name=text) | Q(name__endswith=f"/{text}"), then=Value(0)),
        When(Q(name__istartswith=text) | Q(name__icontains=f"/{text}"), then=Value(1)),
        When(name__icontains=text, then=Value(2)),
        default=Value(3),
        output_field=IntegerField(),
    )
    return [rank, Length("name"), "name"]
