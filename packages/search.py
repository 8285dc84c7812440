"""Search and listings: always of what the actor may see, totals included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.db.models import Case, Exists, F, IntegerField, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Length
from django.utils import timezone

from accounts.actor import Actor
from accounts.models import Scope, User
from packages import access, reach
from packages.lookup import matching as lookup
from packages.models import Access, Mirror, Package, Permission, PersonGrant, TeamGrant, Version
from packages.policy import Standing
from packages.queries import Filters, Query
from registry_site.prepared import PreparedQuery

MOST = 1_000  # packages that a search puts in order and counts
FRESH = (90, 365)  # days since the last change: what else is alike comes in these steps, the freshest first
SORTS = {"relevance": "Relevance", "downloads": "Downloads", "recent": "Recent", "name": "Name"}
# What a list shows of the latest version; readmes and manifests stay in the database.
_LEFT_THERE = ("full", "abbreviated", "readme", "readme_html")
_OF_THE_MIRROR = ("name", "upstream", "latest", "latest_at")
_IS = {
    "private": Q(access=Access.RESTRICTED),
    "public": Q(access=Access.PUBLIC),
    "mirrored": Q(mirrored=True),
    "deprecated": Q(deprecated=True),
    "insecure": Q(pk=None),
}
_ACCESS = {
    "restricted": Q(access=Access.RESTRICTED),
    "public": Q(access=Access.PUBLIC, mirrored=False),
    "mirrored": Q(mirrored=True),
}


class Found(Sequence[Package]):
    """The best packages of a search, in order; what is shown of them is read when a part is asked for.

    keys: their ids, as `access.seen_by` gave them to the actor who searches; the packages carry no standing.
    more: whether there are more that match, which are neither shown nor counted.
    """

    def __init__(self, keys: list[int], *, more: bool) -> None:
        self.keys, self.more = keys, more

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, place):
        if isinstance(place, slice):
            return self._read(self.keys[place])
        return self._read([self.keys[place]])[0]

    def __iter__(self) -> Iterator[Package]:
        return iter(self[:])

    def with_manifests(self, start: int, size: int) -> list[Package]:
        """Some of them with the manifests of their latest versions at hand, as search results for clients need."""
        return self._read(self.keys[start : start + size], _FOR_CLIENTS)

    def _read(self, keys: list[int], wanted: PreparedQuery | None = None) -> list[Package]:
        if not keys:
            return []
        by_key = {package.pk: package for package in (wanted or _FOR_PAGES).rows(lookup.joined(keys))}
        return [by_key[key] for key in keys if key in by_key]


def search(
    actor: Actor, text: str, *, filters: Filters | None = None, sort: str = "relevance", most: int = MOST
) -> Found:
    """The packages an actor may see that match a text, best first, in a stable order. One query, and one for each part.

    filters: what narrows them further. sort: one of SORTS. most: so many are put in order, and no more are counted.
    Source: `npm search`, GET /-/v1/search.
    """
    query = Query.parse(text)
    found = _ordered(narrowed(matching(actor, query), filters or Filters()), query, sort)
    keys = list(found.values_list("pk", flat=True)[: most + 1])
    return Found(keys[:most], more=len(keys) > most)


def matching(actor: Actor, query: Query) -> QuerySet[Package]:
    """What the actor may see of the packages that a query is about, without an order."""
    found = access.seen_by(actor)
    for word in query.told:
        found = found.filter(lookup.about(word))
    if query.scope:
        found = found.filter(scope__name=query.scope)
    if query.maintainer:
        found = found.filter(_maintained_by(query.maintainer))
    if query.keywords:
        found = found.filter(lookup.with_keyword(query.keywords))
    if query.license:
        found = found.filter(license__iexact=query.license)
    for word, condition in _IS.items():
        if word in query.is_:
            found = found.filter(condition)
        elif word in query.not_:
            found = found.exclude(condition)
    return _by_stability(found, query)


def narrowed(found: QuerySet[Package], filters: Filters) -> QuerySet[Package]:
    """These packages, as far as they are what the filters choose."""
    if filters.access:
        found = found.filter(_ACCESS[filters.access])
    if filters.scope:
        found = found.filter(scope__name=filters.scope)
    if filters.maintainer:
        found = found.filter(_maintained_by(filters.maintainer))
    if filters.keyword:
        found = found.filter(lookup.with_keyword([filters.keyword]))
    if filters.license:
        found = found.filter(license=filters.license)
    if filters.deprecated:
        found = found.filter(deprecated=filters.deprecated == "yes")
    return found


def sorted_by(packages: QuerySet[Package], sort: str) -> QuerySet[Package]:
    """A list in the order of one of SORTS; any other word gives the order by name."""
    return _ordered(packages, Query(), sort)


def of_scope(actor: Actor, scope: Scope) -> QuerySet[Package]:
    """The packages of a scope that the actor may see, by name."""
    return _with_latest(access.seen_by(actor).filter(scope=scope)).order_by("name")


def of_person(actor: Actor, person: User) -> QuerySet[Package]:
    """The packages a person publishes, of those the actor may see: the person's scope, and what was given to them.

    People see in their own list what they can only read, too.
    """
    least = Standing.READER if actor.user == person else Standing.WRITER
    theirs = [
        Package.objects.filter(scope__user=person).values_list("pk"),
        PersonGrant.objects.filter(user=person).values_list("package"),
    ]
    if actor.user == person:
        theirs.append(TeamGrant.objects.filter(team__seats__membership__user=person).values_list("package"))
    first, *others = (rows.order_by() for rows in theirs)
    mine = Q(pk__in=lookup.first(first.union(*others)))
    found = access.seen_by(actor).filter(mine, reach.within_reach(person.pk, least), mirrored=False)
    return _with_latest(found).order_by("name")


def changed_since(actor: Actor, moment: datetime, most: int) -> QuerySet[Package]:
    """At most so many packages that the actor may see and that changed since, the last changed first.

    Source: `npm search` of npm 2, which keeps a copy of everything: GET /-/all/since.
    """
    changed = _with_latest(access.visible_to(actor).filter(modified_at__gte=moment))
    return changed.order_by("-modified_at", "name")[:most]


def _with_latest(packages: QuerySet[Package]) -> QuerySet[Package]:
    # What upstream says of all versions is large, and stays there, too.
    left = (each.name for each in Mirror._meta.concrete_fields if each.name not in (*_OF_THE_MIRROR, "id", "package"))
    found = packages.select_related("latest__published_by", "scope", "mirror")
    return found.defer(*(f"latest__{each}" for each in _LEFT_THERE), *(f"mirror__{each}" for each in left))


def _with_manifests(packages: QuerySet[Package]) -> QuerySet[Package]:
    left = [*(f"latest__{each}" for each in _LEFT_THERE if each != "full"), "mirror__source"]
    return packages.defer(None).defer(*left)


def _these(keys: str) -> QuerySet[Package]:
    return _with_latest(Package.objects.filter(pk__in=lookup.of(keys))).order_by()


_FOR_PAGES = PreparedQuery(_these, str, most=None)
_FOR_CLIENTS = PreparedQuery(lambda keys: _with_manifests(_these(keys)), str, most=None)


def _maintained_by(name: str) -> Q:
    granted = PersonGrant.objects.filter(user__username=name).exclude(permission=Permission.READ)
    held = Package.objects.filter(scope__name=name).order_by().values("pk")
    return Q(pk__in=held.union(granted.order_by().values("package"), all=True))  # one set, which an index leads to


def _by_stability(found: QuerySet[Package], query: Query) -> QuerySet[Package]:
    unstable = Exists(Version.objects.filter(pk=OuterRef("latest"), number__startswith="0."))
    if "unstable" in query.not_:
        found = found.exclude(unstable)
    if "unstable" in query.is_:
        found = found.filter(unstable)
    return found


def _ordered(found: QuerySet[Package], query: Query, sort: str) -> QuerySet[Package]:
    if sort == "recent":
        return found.order_by("-modified_at", "name")
    if sort == "downloads":
        return found.order_by("-popularity", "name")
    if sort == "name":
        return found.order_by("name")
    if not query.words:
        return found.order_by("mirrored", "name")
    return found.order_by(*_relevance(query.words))


def _relevance(words: tuple[str, ...]) -> list:
    text = "-".join(words)
    rank = Case(
        When(Q(name=text) | Q(name__endswith=f"/{text}"), then=Value(0)),
        When(Q(name__istartswith=text) | Q(name__icontains=f"/{text}"), then=Value(1)),
        When(name__icontains=text, then=Value(2)),
        default=Value(3),
        output_field=IntegerField(),
    )
    now = timezone.now()
    age = Case(
        *(When(modified_at__gte=now - timedelta(days=days), then=Value(place)) for place, days in enumerate(FRESH)),
        default=Value(len(FRESH)),
        output_field=IntegerField(),
    )
    return [rank, "mirrored", F("popularity").desc(), age, Length("name"), "name"]
