"""The audit log as a chain: each event is sealed with the one before it, so that none can be changed, removed or put
between others without all later ones saying so.

Events are written by many at once and sealed soon after, by one at a time, in the order in which they are found: no
publish waits for another. What is sealed is the text of `words`, which does not depend on the database it is in.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.actor import Actor
from accounts.models import AuditEvent, AuditSeal

logger = logging.getLogger(__name__)

BEGINNING = "0" * 64
A_TURN = 500  # events sealed in one transaction
REST = 0.05  # seconds between two of them, in which those who wait to write do so: after an upgrade there are many
REMOVED = 2000  # events forgotten in one transaction
PRUNED = "audit.pruned"


class Head(NamedTuple):
    """How far the chain goes: the place of its last event, and the link that stands for all events up to it."""

    place: int
    link: str


def extend() -> int:
    """Put every event that is in no chain yet at its end; gives how many it were.

    Two at once do it one after the other. Raises IntegrityError where events have places that no seal knows of.
    """
    sealed = 0
    while count := _extend():
        sealed += count
        if count == A_TURN:
            time.sleep(REST)
    if sealed:
        now = head()
        logger.info("%s events of the audit log were sealed; it is at %s %s", sealed, now.place, now.link)
    return sealed


def head() -> Head:
    """The end of the chain, as the last seal says it."""
    last = AuditSeal.objects.order_by("-place").first()
    return Head(last.place, last.link) if last else Head(0, BEGINNING)


def start() -> Head:
    """Where the chain begins that is kept: at 0, or behind the events that were forgotten."""
    cut = AuditSeal.objects.exclude(pruned_at=None).order_by("-place").first()
    return Head(cut.place, cut.link) if cut else Head(0, BEGINNING)


def prune(actor: Actor, days: int) -> int:
    """Forget events that are older than so many days; gives how many. The last link of them stays, so that those that
    are kept can still be proved, and those that were exported, too.

    days: 0 keeps all. Only what is sealed is forgotten, the oldest first. Writes an event when there is something.
    """
    if not days:
        return 0
    past = AuditSeal.objects.filter(at__lt=timezone.now() - timedelta(days=days), place__gt=start().place)
    if last := past.order_by("-place").first():
        with transaction.atomic():
            AuditSeal.objects.filter(pk=last.pk).update(pruned_at=timezone.now())
            audit.record(actor, PRUNED, place=last.place, link=last.link, days=days)
    return _remove(start().place)


def prune_daily(actor: Actor) -> int:
    """Forget what is older than `AUDIT_DAYS`."""
    return prune(actor, settings.AUDIT_DAYS)


def words(event: AuditEvent) -> dict[str, Any]:
    """What an event says, in words that are the same on every database: what is sealed, and a line of an export."""
    return {
        "place": event.place,
        "id": event.pk,
        "at": moment(event.at),
        "action": event.action,
        "actor": event.actor_name,
        "actor_id": event.actor_id_was,
        "credential": event.credential,
        "address": ipaddress.ip_address(event.address).compressed if event.address else None,
        "request": event.request_id,
        "package": event.package,
        "org": event.org,
        "person": event.person,
        "facts": event.facts,
    }


def moment(at: datetime) -> str:
    """A time as text: UTC, to the microsecond."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def link(before: str, said: dict[str, Any]) -> str:
    """The link of an event: the SHA-256 of the link before it, a line break, and its words as JSON, keys in order."""
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(f"{before}\n{text}".encode()).hexdigest()


def _extend() -> int:
    AuditSeal.objects.get_or_create(place=0, defaults={"link": BEGINNING})
    with transaction.atomic():
        AuditSeal.objects.select_for_update().get(place=0)
        place, before = head()
        events = list(AuditEvent.objects.filter(place=None).order_by("pk")[:A_TURN])
        rows = []
        for event in events:
            place += 1
            event.place, event.link = place, link(before, words(event) | {"place": place})
            before = event.link
            rows.append((event.place, event.link, event.pk))
        if rows:
            _write(rows)
            AuditSeal.objects.create(place=place, link=before)
    return len(rows)


def _write(rows: list[tuple[int, str, int]]) -> None:
    # Past `save`, which refuses to change an event: what it says stays as it is.
    table = transaction.get_connection().ops.quote_name(AuditEvent._meta.db_table)
    with transaction.get_connection().cursor() as cursor:
        cursor.executemany(f"UPDATE {table} SET place = %s, link = %s WHERE id = %s", rows)  # noqa: S608 - our own name # nosec B608


def _remove(place: int) -> int:
    removed = 0
    past = AuditEvent.objects.filter(place__lte=place).order_by("place").values_list("pk", flat=True)
    while keys := list(past[:REMOVED]):
        removed += AuditEvent.objects.filter(pk__in=keys).delete()[0]
    AuditSeal.objects.filter(place__gt=0, place__lt=place).delete()
    return removed
