"""Heads of the audit log's chain, written down outside the database: who writes the log anew cannot write these anew.

They lie beside the ledger, each an hour apart at least, and are never changed nor removed by this registry.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from accounts import chain
from accounts.models import AuditSeal
from accounts.proving import Noted
from packages import blobs, ledger
from packages.blobs.folder import FolderStore
from packages.blobs.s3 import S3Store

logger = logging.getLogger(__name__)

FOLDER = "audit"
EVERY = timedelta(hours=1)
_STAMP = "%Y-%m-%dT%H%M%S.%fZ"


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
        _append(store.root, head)
    else:
        _put(store, head)


def heads(url: str = "") -> Iterator[Noted]:
    """All that were written down, in no order. url: as for `note`. Raises OSError."""
    places = [url] if url else _places()
    for place in places:
        store = blobs.at(blobs.below(place, FOLDER), "LEDGER_URL")
        yield from _lines(store.root) if isinstance(store, FolderStore) else _objects(store)


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


def _append(root: Path, head: Noted) -> None:
    host = "".join(letter if letter.isalnum() else "-" for letter in socket.gethostname())[:64]
    root.mkdir(parents=True, exist_ok=True)
    # A line of its own, also after half a line of a process that was killed.
    line = f"\n{json.dumps([chain.moment(head.at), head.place, head.link])}\n".encode()
    handle = os.open(root / f"{head.at:%Y}.{host}.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    try:
        if os.write(handle, line) != len(line):
            raise OSError(f"{root} does not take it whole; is the disk full?")
        os.fsync(handle)
    finally:
        os.close(handle)


def _lines(root: Path) -> Iterator[Noted]:
    for path in sorted(root.glob("*.jsonl")):
        with path.open() as lines:
            for line in lines:
                if line.startswith("[") and line.endswith("]\n"):
                    at, place, link = json.loads(line)
                    yield Noted(datetime.fromisoformat(at), place, link)


def _put(store: S3Store, head: Noted) -> None:
    # An empty object, whose key says all: a list of keys is the whole of it.
    settings.SPOOL_DIR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="audit-", dir=settings.SPOOL_DIR) as folder:
        nothing = Path(folder) / "head"
        nothing.touch()
        store.put(f"{head.at.astimezone(UTC).strftime(_STAMP)}_{head.place}_{head.link}", nothing)


def _objects(store: S3Store) -> Iterator[Noted]:
    for key in store.names():
        at, place, link = key.split("_")
        yield Noted(datetime.strptime(at, _STAMP).replace(tzinfo=UTC), int(place), link)
