"""Which numbers were used, written down outside the database before a version is listed.

A database that is brought back from yesterday does not know today's versions. Their numbers are here, with the digest
of their bytes, so that `manage.py restore` can keep anybody from giving them to other bytes.
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

from django.conf import settings
from django.utils import timezone

from packages import blobs
from packages.blobs import records
from packages.blobs.folder import FolderStore
from packages.blobs.s3 import S3Store
from registry_site.errors import Unavailable

logger = logging.getLogger(__name__)

OTHERS = "audit/"  # what lies at the same place and is no entry
_ALGORITHM = "sha512-"
_KEY = re.compile(r"[0-9-]+/([^/]+)/([^/]+)_([0-9a-f]{128})")


class Entry(NamedTuple):
    """A number that a version was, or was about to be, listed under. integrity: of its bytes, as documents say it."""

    name: str
    number: str
    integrity: str


class Ledger(Protocol):
    """Entries at one place. Everything raises OSError when the place does not do what was asked."""

    def add(self, entry: Entry) -> None:
        """Write an entry down, safe against power loss when this returns."""

    def entries(self) -> Iterator[Entry]:
        """All that was ever written down, in no order; some perhaps twice."""


def note(name: str, number: str, integrity: str) -> None:
    """Write down that a number is about to be used; before the transaction that lists its version, never in it.

    What is refused after that leaves an entry, too: it stands in the way of nothing but other bytes, after a restore.
    Raises Unavailable when the ledger takes no entry: then nothing may be published.
    """
    try:
        at(address()).add(Entry(name, number, integrity))
    except OSError as error:
        logger.error("the ledger of numbers could not be written: %s", error)
        raise Unavailable("the version could not be written down; try again") from error


def address() -> str:
    """Where the ledger is: `LEDGER_URL`, or a folder of the storage."""
    return settings.LEDGER_URL or blobs.below(settings.STORAGE_URL, "ledger")


def entries() -> Iterator[Entry]:
    """All entries of the ledger, and of the one in the store that `STORAGE_URL` takes over from. Raises OSError."""
    yield from at(address()).entries()
    if settings.STORAGE_FALLBACK_URL and not settings.LEDGER_URL:
        yield from at(blobs.below(settings.STORAGE_FALLBACK_URL, "ledger")).entries()


def carry(old: str, new: str) -> int:
    """Add the entries of one ledger to another, those that it does not have; gives how many. Raises OSError.

    old, new: addresses of ledgers.
    """
    source, target = at(old), at(new)
    there, count = set(target.entries()), 0
    for entry in source.entries():
        if entry not in there:
            target.add(entry)
            there.add(entry)
            count += 1
    return count


@cache
def at(url: str) -> Ledger:
    """The ledger at an address as for `STORAGE_URL`. Raises ImproperlyConfigured as `blobs.at`."""
    store = blobs.at(url, "LEDGER_URL")
    return _Files(store.root) if isinstance(store, FolderStore) else _Objects(store)


class _Files:
    """Lines at the end of a file: one file a month for each host."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(self, entry: Entry) -> None:
        records.append(self.root, f"{timezone.now():%Y-%m}", entry)

    def entries(self) -> Iterator[Entry]:
        return (Entry(*line) for line in records.lines(self.root))


class _Objects:
    """Empty objects of a store, which say it in their keys."""

    def __init__(self, store: S3Store) -> None:
        self.store = store

    def add(self, entry: Entry) -> None:
        digest = base64.b64decode(entry.integrity.removeprefix(_ALGORITHM)).hex()
        # "~" for the one slash of a name: keys are as deep as those of tarballs. No number has a "_".
        key = f"{timezone.now():%Y-%m-%d}/{entry.name.replace('/', '~')}/{entry.number}_{digest}"
        records.put(self.store, key)

    def entries(self) -> Iterator[Entry]:
        for key in self.store.names():
            if found := _KEY.fullmatch(key):
                name, number, digest = found.groups()
                full = name.replace("~", "/", 1) if name.startswith("@") else name
                yield Entry(full, number, _ALGORITHM + base64.b64encode(bytes.fromhex(digest)).decode())
            elif not key.startswith(OTHERS):
                logger.warning("%s lies in the ledger and is no entry of it", key)
