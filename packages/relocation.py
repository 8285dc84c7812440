"""Tarballs on their way from one store to another, while the registry runs."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from packages import blobs
from packages.blobs.store import Store
from packages.models import StagedVersion, Version

PIECE = 1 << 20


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
    return sum(rows.count() for rows in _rows())


def move(old: Store, new: Store, report: Moved, *, quick: bool = False) -> Iterator[Named]:
    """Copy what rows name and the new store does not have, and read each back; gives each, done.

    report: is kept up to date. What is there already with its size is only read and compared, so that a move that
    broke off goes on where it was. quick: do not even read those. The old store is left as it was.
    """
    for each in _named():
        try:
            if _has(new, each):
                report.there += 1
                if not quick:
                    _compare(new, each)
            else:
                _copy(old, new, each)
                _compare(new, each)
                report.copied += 1
                report.bytes += each.size
        except OSError as error:
            if _is_named(each.key):  # else it was removed meanwhile
                report.wrong.append(f"{each.name}: {error}")
        yield each


def _rows():
    # In the order in which a tarball passes from one to the other.
    return StagedVersion.objects.all(), Version.objects.filter(erased_at=None)


def _named() -> Iterator[Named]:
    for rows in _rows():
        columns = ("pk", "package__name", "number", "blob", "size")
        last = 0
        while some := list(rows.filter(pk__gt=last).order_by("pk").values_list(*columns)[:500]):
            for _, package, number, key, size in some:
                yield Named(f"{package}@{number}", key, size)
            last = some[-1][0]


def _is_named(key: str) -> bool:
    return any(rows.filter(blob=key).exists() for rows in _rows())


def _has(store: Store, each: Named) -> bool:
    try:
        return store.size(each.key) == each.size
    except FileNotFoundError:
        return False


def _copy(old: Store, new: Store, each: Named) -> None:
    settings.SPOOL_DIR.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix="move-", suffix=".tgz", dir=settings.SPOOL_DIR)
    path, digest = Path(name), hashlib.sha512()
    try:
        with old.open(each.key, each.size) as source, os.fdopen(handle, "wb") as target:
            while piece := source.read(PIECE):
                digest.update(piece)
                target.write(piece)
        _require_same(digest.hexdigest(), each, "in the old store")
        new.put(each.key, path)
    finally:
        path.unlink(missing_ok=True)


def _compare(store: Store, each: Named) -> None:
    with store.open(each.key, each.size) as body:
        _require_same(hashlib.file_digest(body, "sha512").hexdigest(), each, "in the new store")


def _require_same(digest: str, each: Named, where: str) -> None:
    if digest != blobs.digest_of(each.key):
        raise OSError(f"its bytes {where} are not those that were published")
