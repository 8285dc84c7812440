"""Which numbers were used, written down outside the database before a version is listed.

A database that is brought back from yesterday does not know today's versions. Their numbers are here, with the digest
of their bytes, so that `manage.py restore` can keep anybody from giving them to other bytes.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import socket
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

from django.conf import settings
from django.utils import timezone

from packages import blobs
from packages.blobs.folder import FolderStore
from packages.blobs.s3 import S3Store
from registry_site.errors import Unavailable

logger = logging.getLogger(__name__)

OTHERS = "audit/"  # what lies at the same place and is no entry
_ALGORITHM = "sha512-"


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
    """Lines at the end of a file: one file a month for each host, so that no two hosts write into one."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(self, entry: Entry) -> None:
        host = "".join(letter if letter.isalnum() else "-" for letter in socket.gethostname())[:64]
        path = self.root / f"{timezone.now():%Y-%m}.{host}.jsonl"
        is_new = not path.exists()
        if is_new:
            self.root.mkdir(parents=True, exist_ok=True)
        # A line of its own, also after half a line of a process that was killed.
        line = f"\n{json.dumps(entry)}\n".encode()
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            if os.write(handle, line) != len(line):
                raise OSError(f"{path} is not taken whole; is the disk full?")
            os.fsync(handle)
        finally:
            os.close(handle)
        if is_new:
            _sync(self.root)
            _sync(self.root.parent)

    def entries(self) -> Iterator[Entry]:
        for path in sorted(self.root.glob("*.jsonl")):
            with path.open() as lines:
                for line in lines:
                    if line.startswith("[") and line.endswith("]\n"):
                        yield Entry(*json.loads(line))


class _Objects:
    """Empty objects of a store: what they say is in their keys, so that a list of keys is the whole ledger."""

    def __init__(self, store: S3Store) -> None:
        self.store = store

    def add(self, entry: Entry) -> None:
        digest = base64.b64decode(entry.integrity.removeprefix(_ALGORITHM)).hex()
        # "~" for the one slash of a name: keys are as deep as those of tarballs. No number has a "_".
        key = f"{timezone.now():%Y-%m-%d}/{entry.name.replace('/', '~')}/{entry.number}_{digest}"
        settings.SPOOL_DIR.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="ledger-", dir=settings.SPOOL_DIR) as folder:
            nothing = Path(folder) / "entry"
            nothing.touch()
            self.store.put(key, nothing)

    def entries(self) -> Iterator[Entry]:
        for key in self.store.names():
            if key.startswith(OTHERS):
                continue
            _, name, last = key.split("/")
            number, _, digest = last.rpartition("_")
            full = name.replace("~", "/", 1) if name.startswith("@") else name
            yield Entry(full, number, _ALGORITHM + base64.b64encode(bytes.fromhex(digest)).decode())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
