"""Heads of the audit log's chain, written down outside the database: who writes the log anew cannot write these anew.

They lie beside the ledger, each an hour apart at least, and are never changed nor removed by this registry.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.utils import timezone

from accounts import chain
from accounts.models import AuditSeal
from accounts.proving import Noted
from packages import blobs, ledger
from packages.blobs import records
from packages.blobs.folder import FolderStore
from packages.blobs.s3 import S3Store

logger = logging.getLogger(__name__)

FOLDER = "audit"
EVERY = timedelta(hours=1)
_STAMP = "%Y-%m-%dT%H%M%S.%fZ"
_KEY = re.compile(r"([0-9-]+T[0-9]{6}\.[0-9]{6}Z)_([0-9]+)_([0-9a-f]{64})")


def seal() -> None:
    """Seal what happened, and write the head down when none was for an hour; run by the worker.

    Where the place takes none, the next look tries again: nothing waits for it.
    """
    chain.extend()
    last = AuditSeal.objects.exclude(noted_at=None).order_by("-place").first()
    head = AuditSeal.objects.filter(place__gt=last.place if last else 0).order_by("-place").first()
    now = timezone.now()
    if head is None or (last is not None and last.noted_at <= now < last.noted_at + EVERY):
        return
    try:
        note(Noted(now, head.place, head.link))
    except OSError as error:
        logger.error("the head of the audit log could not be written down: %s", error)
    else:
        AuditSeal.objects.filter(pk=head.pk).update(noted_at=now)


def note(head: Noted, url: str = "") -> None:
    """Write a head down. url: of the ledger beside which; "" for the one in use. Raises OSError."""
    store = blobs.at(blobs.below(url or ledger.address(), FOLDER), "LEDGER_URL")
    if isinstance(store, FolderStore):
        records.append(store.root, f"{head.at:%Y}", [chain.moment(head.at), head.place, head.link])
    else:
        records.put(store, f"{head.at.astimezone(UTC).strftime(_STAMP)}_{head.place}_{head.link}")


def heads(url: str = "") -> Iterator[Noted]:
    """All that were written down, in no order. url: as for `note`. Raises OSError."""
    places = [url] if url else _places()
    for place in places:
        store = blobs.at(blobs.below(place, FOLDER), "LEDGER_URL")
        if isinstance(store, FolderStore):
            yield from _lines(store)
        else:
            yield from _objects(store)


def carry(old: str, new: str) -> int:
    """Write the heads beside one ledger down beside another, those that it does not have; gives how many.

    Raises OSError.
    """
    there = set(heads(new))
    missing = [head for head in heads(old) if head not in there]
    for head in missing:
        note(head, new)
    return len(missing)


def _places() -> list[str]:
    fallback = settings.STORAGE_FALLBACK_URL if not settings.LEDGER_URL else ""
    return [ledger.address(), *([blobs.below(fallback, "ledger")] if fallback else [])]


def _lines(store: FolderStore) -> Iterator[Noted]:
    for line in records.lines(store.root):
        try:
            at, place, link = line
            yield Noted(datetime.fromisoformat(at), int(place), str(link))
        except (TypeError, ValueError):
            logger.warning("a line beside the ledger is no head of the audit log: %.200s", line)


def _objects(store: S3Store) -> Iterator[Noted]:
    for key in store.names():
        if found := _KEY.fullmatch(key):
            at, place, link = found.groups()
            yield Noted(datetime.strptime(at, _STAMP).replace(tzinfo=UTC), int(place), link)
        else:
            logger.warning("%s lies beside the ledger and is no head of the audit log", key)
