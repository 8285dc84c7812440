"""What one finds here and upstream, as one list: ours, what is mirrored, and then what upstream has beside that."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from accounts.actor import Actor
from packages import search
from packages.models import Package
from packages.queries import Query
from packages.upstream import finding
from packages.upstream.client import UpstreamError
from packages.upstream.finding import Found


@dataclass(frozen=True)
class Listing:
    """A part of all results.

    here: of this registry; beyond: of the upstream registry alone; total: of all parts, as far as is counted.
    """

    here: list[Package]
    beyond: list[Found]
    total: int


def beyond(actor: Actor, text: str) -> list[Found]:
    """What upstream finds for a text and a search here does not; nothing of who asks goes along.

    A visitor of a registry that is for signed-in people has nothing asked. Raises UpstreamError when upstream does not
    answer.
    """
    if settings.REGISTRY_MODE == "enterprise" and not actor.is_signed_in:
        return []
    found = finding.find(text)
    names = [each.name for each in found]
    matching = search.matching(actor, Query.parse(text)).filter(name__in=names)
    known = set(matching.order_by().values_list("name", flat=True)) if names else set()
    return [each for each in found if each.name not in known]


def page(actor: Actor, text: str, start: int, size: int) -> Listing:
    """So many results from one on: those here first, in the order of `search`, then those beyond.

    While upstream does not answer there are none beyond, nor where more is here than anybody reads.
    Source: `npm search`, GET /-/v1/search.
    """
    found = search.search(actor, text, most=max(search.MOST, start + size))
    here = found.with_manifests(start, size)
    if found.more:
        return Listing(here, [], len(found))
    try:
        more = beyond(actor, text)
    except UpstreamError:
        more = []
    first = max(start - len(found), 0)
    return Listing(here, more[first : first + size - len(here)], len(found) + len(more))
