"""Names before the search is sent, and names near one that was not found: of what the actor may see."""

from __future__ import annotations

import difflib

from accounts.actor import Actor
from packages import access, search
from packages.lookup import matching as lookup
from packages.models import Package
from packages.queries import Query

MOST = 8
MOST_NEAR = 5
_LIKE = 0.6


def while_typing(actor: Actor, text: str) -> list[Package]:
    """The first few packages that a text stands for so far; none for an empty one. Two queries."""
    if not text.strip():
        return []
    return search.search(actor, text, most=MOST)[:]


def nearest(actor: Actor, text: str) -> list[str]:
    """Names that resemble the words of a search which found nothing, best first. At most one query."""
    wanted = "-".join(Query.parse(text).words)
    base = wanted.rpartition("/")[2]
    if len(base) < 2:
        return []
    names = lookup.near(access.seen_by(actor), base).values_list("name", flat=True)
    by_base: dict[str, list[str]] = {}
    for name in names:
        by_base.setdefault(name.rpartition("/")[2], []).append(name)
    near = difflib.get_close_matches(base, by_base, MOST_NEAR, _LIKE)
    return [name for each in near for name in sorted(by_base[each])][:MOST_NEAR]
