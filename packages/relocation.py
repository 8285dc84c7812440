"""Tarballs on their way from one store to another, while the registry runs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from django.db.models import QuerySet

from packages import blobs
from packages.blobs.store import Store
from packages.models import StagedVersion, Version
from registry_site import spool

PIECE = 1 << 20


class Damaged(OSError):
    """The bytes are not those that were published."""


class Named(NamedTuple):
    """A tarball that a row names."""

    name: str
    key: str
    size: int


@dataclass
class Moved:
    """How a move went. bytes: of those that were copied; wrong: a sentence about each that is not there whole."""

    copied: int = 0
    bytes: int = 0
    there: int = 0
    wrong: list[str] = field(default_factory=list)


def count() -> int:
    """How many tarballs rows name."""
    return sum(rows.count() for rows in naming())


def move(old: Store, new: Store, report: Moved, *, quick: bool = False) -> Iterator[Named]:
    """Copy what rows name and the new store does not have, and read each back; gives each, done.

    report: is kept up to date. What is there already with its size is only read and compared, so that a move that
    broke off goes on where it was. quick: do not even read those. The old store is left as it was.
    """
    for each in named():
        try:
            if has(new, each):
                report.there += 1
                if not quick:
                    compare(new, each)
            else:
                copy(old, new, each)
                compare(new, each)
                report.copied += 1
                report.bytes += each.size
        except OSError as error:
            if is_named(each.key):  # else it was removed meanwhile
                report.wrong.append(f"{each.name}: {error}")
        yield each


def naming() -> tuple[QuerySet[StagedVersion], QuerySet[Version]]:
    """The rows that name tarballs, in the order in which a tarball passes from one to the other."""
    return StagedVersion.objects.all(), Version.objects.filter(erased_at=None)


def named() -> Iterator[Named]:
    """Every tarball that a row names."""
    for rows in naming():
        columns = ("pk", "package__name", "number", "blob", "size")
        last = 0
        while some := list(rows.filter(pk__gt=last).order_by("pk").values_list(*columns)[:500]):
            for _, package, number, key, size in some:
                yield Named(f"{package}@{number}", key, size)
            last = some[-1][0]


def is_named(key: str) -> bool:
    """Whether a row names this key, now."""
    return any(rows.filter(blob=key).exists() for rows in naming())


def has(store: Store, each: Named) -> bool:
    """Whether a store has a tarball at its full length. Raises OSError when it does not say."""
    try:
        return store.size(each.key) == each.size
    except FileNotFoundError:
        return False


def copy(old: Store, new: Store, each: Named) -> None:
    """Copy a tarball. Raises OSError, and keeps nothing, when it cannot be read whole or is not taken."""
    with fetched(old, each, "in the old store") as path:
        new.put(each.key, path)


@contextmanager
def fetched(store: Store, each: Named, where: str) -> Iterator[Path]:
    """A file with the bytes of a tarball, gone afterwards. where: for the message.

    Raises Damaged when they are not those that were published, OSError when they cannot be read.
    """
    handle, path = spool.file("move")
    digest = hashlib.sha512()
    try:
        with store.open(each.key, each.size) as source, os.fdopen(handle, "wb") as target:
            while piece := source.read(PIECE):
                digest.update(piece)
                target.write(piece)
        _require_same(digest.hexdigest(), each, where)
        yield path
    finally:
        path.unlink(missing_ok=True)


def compare(store: Store, each: Named, where: str = "in the new store") -> None:
    """Raises Damaged unless a store has the bytes that were published, OSError when it does not give them.

    where: for the message.
    """
    with store.open(each.key, each.size) as body:
        _require_same(hashlib.file_digest(body, "sha512").hexdigest(), each, where)


def _require_same(digest: str, each: Named, where: str) -> None:
    if digest != blobs.digest_of(each.key):
        raise Damaged(f"its bytes {where} are not those that were published")
