"""Search and listings: always of what the actor may see, totals included."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Case, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce, Length

from accounts.actor import Actor
from accounts.models import Scope, User
from packages import access
from packages.access import Standing
from packages.downloads import Period
from packages.models import Access, DownloadCount, Mirror, Package, PersonGrant, TeamGrant, Version
from packages.queries import Filters, Query

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


def search(actor: Actor, text: str, *, filters: Filters | None = None, sort: str = "relevance") -> QuerySet[Package]:
    """The packages an actor may see that match a text, best first, in a stable order.

    filters: what narrows them further. sort: one of SORTS.
    Source: `npm search`, GET /-/v1/search.
    """
    query = Query.parse(text)
    found = narrowed(matching(actor, query), filters or Filters())
    return _ordered(_with_latest(found), query, sort)


def matching(actor: Actor, query: Query) -> QuerySet[Package]:
    """What the actor may see of the packages that a query is about, without an order."""
    found = _with_words(access.visible_to(actor), query.words)
    if query.scope:
        found = found.filter(scope__name=query.scope)
    if query.maintainer:
        found = found.filter(_maintained_by(query.maintainer))
    if query.keywords:
        found = found.filter(_any_keyword(query.keywords))
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
        found = found.filter(_any_keyword([filters.keyword]))
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
    found = access.visible_to(actor).filter(mine, mirrored=False).annotate(theirs=access.standing(person.pk))
    return _with_latest(found.filter(theirs__gte=least)).order_by("name")


def with_manifests(packages: QuerySet[Package]) -> QuerySet[Package]:
    """The same packages with the manifests of their latest versions at hand, as search results for clients need."""
    left = [*(f"latest__{each}" for each in _LEFT_THERE if each != "full"), "mirror__source"]
    return packages.defer(None).defer(*left)


def changed_since(actor: Actor, moment: datetime, most: int) -> QuerySet[Package]:
    """At most so many packages that the actor may see and that changed since, the last changed first.

    Source: `npm search` of npm 2, which keeps a copy of everything: GET /-/all/since.
    """
    changed = _with_latest(access.visible_to(actor).filter(modified_at__gte=moment))
    return changed.order_by("-modified_at", "name")[:most]


def _with_words(found: QuerySet[Package], words: tuple[str, ...]) -> QuerySet[Package]:
    for word in words:
        found = found.filter(Q(name__icontains=word) | Q(description__icontains=word) | Q(keywords__icontains=word))
    return found


def _with_latest(packages: QuerySet[Package]) -> QuerySet[Package]:
    # What upstream says of all versions is large, and stays there, too.
    left = (each.name for each in Mirror._meta.concrete_fields if each.name not in (*_OF_THE_MIRROR, "id", "package"))
    found = packages.select_related("latest__published_by", "scope", "mirror")
    return found.defer(*(f"latest__{each}" for each in _LEFT_THERE), *(f"mirror__{each}" for each in left))


def _maintained_by(name: str) -> Q:
    granted = PersonGrant.objects.filter(package=OuterRef("pk"), user__username=name).exclude(permission="read")
    return Q(scope__name=name) | Exists(granted)


def _any_keyword(words: tuple[str, ...] | list[str]) -> Q:
    has = Q()
    for word in words:
        has |= Q(keywords__icontains=f'"{word}"')
    return has


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
        week = Period.last(7)
        counts = DownloadCount.objects.filter(package=OuterRef("pk"), day__range=(week.start, week.end)).order_by()
        sums = counts.values("package").annotate(all=Sum("count")).values("all")
        return found.annotate(lately=Coalesce(Subquery(sums), Value(0))).order_by("-lately", "name")
    if sort == "name":
        return found.order_by("name")
    if not query.words:
        return found.order_by("mirrored", "name")
    return found.order_by(*_relevance(query.words))


def _relevance(words: tuple[str, ...]) -> list:
    text = " ".join(words)
    rank = Case(
        When(Q(name=text) | Q(name__endswith=f"/{text}"), then=Value(0)),
        When(Q(name__istartswith=text) | Q(name__icontains=f"/{text}"), then=Value(1)),
        When(name__icontains=text, then=Value(2)),
        default=Value(3),
        output_field=IntegerField(),
    )
    return [rank, "mirrored", Length("name"), "name"]
