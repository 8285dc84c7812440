"""The audit log as a file: lines of JSON that can be proved, or a table for a spreadsheet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from django.db.models import Q, QuerySet

from accounts import audit, chain
from accounts.models import AuditEvent
from registry_site import sheets

FORMATS = ("jsonl", "csv")
PIECE = 1000
# What an org's owners may know of an event; where it stands in the log of all orgs is not theirs.
FOR_OWNERS = ("at", "actor", "credential", "address", "action", "package", "org", "person", "facts", "request")
HEAD = ("when", "who", "credential", "from", "action", "what", "package", "org", "person", "request", "place", "link")


def in_order(events: QuerySet[AuditEvent]) -> Iterator[AuditEvent]:
    """These events in the order of the chain, then those that are not sealed yet; each once, a piece at a time."""
    place, rows = 0, events.order_by("place")
    while found := list(rows.filter(place__gt=place)[:PIECE]):
        yield from found
        place = found[-1].place or place
    last, rest = 0, events.filter(Q(place=None) | Q(place__gt=place)).order_by("pk")
    while found := list(rest.filter(pk__gt=last)[:PIECE]):
        for event in found:
            event.place, event.link = None, ""  # also of those that were sealed meanwhile: others before them were not
            yield event
        last = found[-1].pk


def lines(events: Iterable[AuditEvent], form: str) -> Iterator[str]:
    """These events as lines of a file, all that is known of each. form: one of FORMATS."""
    if form == "csv":
        return sheets.lines(HEAD, map(_row, events))
    return (_json(chain.words(event) | {"link": event.link}) for event in events)


def for_owners(events: Iterable[AuditEvent]) -> Iterator[str]:
    """These events as lines of JSON, without what concerns the log of the whole registry."""
    for event in events:
        said = chain.words(event)
        yield _json({key: said[key] for key in FOR_OWNERS} | {"what": audit.sentence(event)})


def _row(event: AuditEvent) -> list[object]:
    return [
        chain.moment(event.at),
        event.actor_name,
        event.credential,
        event.address,
        event.action,
        audit.sentence(event),
        event.package,
        event.org,
        event.person,
        event.request_id,
        event.place,
        event.link,
    ]


def _json(said: dict[str, object]) -> str:
    return json.dumps(said) + "\n"
