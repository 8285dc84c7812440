"""Names before the search is sent, and names near one that was not found: of what the actor may see."""

from __future__ import annotations

import difflib

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from accounts.actor import Actor
from packages import access, search
from packages.models import Package
from packages.queries import Query

MOST = 8
MOST_NEAR = 5
CANDIDATES = 200  # names that are compared letter by letter
_TRIGRAMS = 24
_LIKE = 0.6


def while_typing(actor: Actor, text: str) -> list[Package]:
    """The first few packages that a text stands for so far; none for an empty one. One query."""
    if not text.strip():
        return []
    return list(search.search(actor, text)[:MOST])


def nearest(actor: Actor, text: str) -> list[str]:
    """Names that resemble the words of a search which found nothing, best first. At most one query."""
    wanted = "-".join(Query.parse(text).words)
    base = wanted.rpartition("/")[2]
    if len(base) < 2:
        return []
    names = list(_candidates(actor, base).values_list("name", flat=True)[:CANDIDATES])
    by_base: dict[str, list[str]] = {}
    for name in names:
        by_base.setdefault(name.rpartition("/")[2], []).append(name)
    near = difflib.get_close_matches(base, by_base, MOST_NEAR, _LIKE)
    return [name for each in near for name in sorted(by_base[each])][:MOST_NEAR]


def _candidates(actor: Actor, base: str) -> QuerySet[Package]:
    parts = {base[n : n + 3] for n in range(max(len(base) - 2, 1))} | {base[:2]}
    alike = Q()
    score = Value(0, output_field=IntegerField())
    for part in sorted(parts)[:_TRIGRAMS]:
        alike |= Q(name__icontains=part)
        score = score + Case(When(name__icontains=part, then=Value(1)), default=Value(0), output_field=IntegerField())
    return access.visible_to(actor).filter(alike).annotate(score=score).order_by("-score", "name")
