"""Takes a file of `mirror_export` into the mirror, as if upstream had said and sent it.

A file is as good as where it comes from, like the answer of a registry: what it says of a package is validated as that
is, every tarball has to be what was said of it, and what was said of a version's bytes before is never changed.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.actor import Actor
from packages.models import Mirror, MirrorVersion, Version
from packages.names import PackageName
from packages.stock.bundles import Bundled, Part, Reader
from packages.upstream import fetching, keeping, ownership, reading
from packages.upstream.reading import Read
from packages.upstream.registries import Registry
from registry_site import spool
from registry_site.errors import Conflict, Invalid, Malformed, NotAllowed, NotFound, Refusal

AHEAD = timedelta(days=1)  # clocks differ; a packument from next year would stop every later one


@dataclass
class Imported:
    """What came of an import. problems: what was not taken, each with why."""

    packages: int = 0
    tarballs: int = 0
    were_here: int = 0
    problems: list[str] = field(default_factory=list)


def begin(actor: Actor, source: BinaryIO) -> Reader:
    """Read what a file holds; nothing is taken yet. Raises NotAllowed for anybody but an operator, Malformed."""
    if actor.credential != "operator":
        raise NotAllowed("only operators of this registry do this, with manage.py")
    return Reader(source)


def packages(actor: Actor, reader: Reader, done: Imported) -> Iterator[Bundled]:
    """Take the packages of a file one by one, each after it was taken; `done` counts.

    What is here already stays as it is, so it may be repeated. Raises Malformed for a damaged file; what was verified
    before that stays.
    """
    for bundled in reader.packages:
        mirror = _packument(bundled, reader, done)
        before = done.tarballs
        for number, part in bundled.tarballs.items():
            _tarball(mirror, bundled, number, part, reader, done)
        if done.tarballs > before:
            done.packages += 1
            with transaction.atomic():
                count, upstream = done.tarballs - before, bundled.upstream
                audit.record(actor, "mirror.imported", package=bundled.name, count=count, upstream=upstream)
        yield bundled
    reader.close()


def _packument(bundled: Bundled, reader: Reader, done: Imported) -> Mirror | None:
    packed = b"".join(reader.part(bundled.packument))
    try:
        return _known(bundled, packed)
    except Refusal as refusal:
        done.problems.append(f"{bundled.name}: {refusal.message}")
        return None


def _known(bundled: Bundled, packed: bytes) -> Mirror:
    name = PackageName.parse(bundled.name, old=True)
    if ownership.is_ours(name.full):
        raise _ours()
    read = reading.read(_unpacked(packed), name, is_full=bundled.is_full)
    if read.modified_at and read.modified_at > timezone.now() + AHEAD:
        raise Invalid("its packument is from the future")
    mirror, _ = Mirror.objects.get_or_create(name=name.full)
    if _is_news(mirror, read):
        try:
            mirror = keeping.found(mirror, Registry(f"https://{bundled.upstream}"), read, "")
        except keeping.Ours:
            raise _ours() from None
    return mirror


def _ours() -> Conflict:
    return Conflict("this name is ours, and nothing of upstream is kept under it")


def _is_news(mirror: Mirror, read: Read) -> bool:
    if mirror.state != Mirror.State.FOUND or not mirror.source:
        return True
    if mirror.modified_at and read.modified_at:
        return read.modified_at > mirror.modified_at or (
            read.modified_at == mirror.modified_at and read.is_full and not mirror.is_full
        )
    return False


def _tarball(mirror: Mirror | None, bundled: Bundled, number: str, part: Part, reader: Reader, done: Imported) -> None:
    row = _row(mirror, number)
    name = f"{bundled.name}@{number}"
    if row is None or row.version is not None or row.quarantined_at is not None:
        for _ in reader.part(part):
            pass
        if row is not None and row.version is not None:
            done.were_here += 1
            if _differs(row.version, part):
                done.problems.append(f"{name}: it is here already, with other bytes, which stay")
        elif row is not None:
            done.problems.append(f"{name}: it is in quarantine here")
        elif mirror is not None:
            done.problems.append(f"{name}: its packument does not list it")
        return
    with _spooled(reader, part) as (path, sha1):
        sha512 = bytes.fromhex(part.sha512)
        if not fetching.is_what_was_said(row, path, sha512, sha1):
            done.problems.append(f"{name}: its bytes are not what was first said of them; they were not kept")
        elif not settings.UPSTREAM_SHA1 and (reading.digest_of(row.integrity) or ("sha1",))[0] == "sha1":
            done.problems.append(f"{name}: no more than a SHA-1 is said of it, which this registry does not accept")
        elif _kept(row, path, sha512, sha1):
            done.tarballs += 1
        else:
            done.problems.append(f"{name}: this name became ours meanwhile")


def _kept(row: MirrorVersion, path: Path, sha512: bytes, sha1: str) -> bool:
    try:
        fetching.keep(row, path, sha512, sha1)
    except NotFound:
        return False
    return True


def _row(mirror: Mirror | None, number: str) -> MirrorVersion | None:
    rows = MirrorVersion.objects.select_related("mirror", "version")
    return rows.filter(mirror=mirror, number=number).first() if mirror is not None else None


def _differs(version: Version, part: Part) -> bool:
    here = reading.digest_of(version.integrity)
    return here is not None and here[1].hex() != part.sha512


@contextmanager
def _spooled(reader: Reader, part: Part) -> Iterator[tuple[Path, str]]:
    handle, path = spool.file("mirror")
    sha1 = hashlib.sha1(usedforsecurity=False)
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in reader.part(part):
                sha1.update(chunk)
                file.write(chunk)
        yield path, sha1.hexdigest()
    finally:
        path.unlink(missing_ok=True)


def _unpacked(packed: bytes) -> bytes:
    inflater = zlib.decompressobj(wbits=31)
    try:
        body = inflater.decompress(packed, reading.MOST_BYTES + 1)
    except zlib.error as error:
        raise Malformed("its packument cannot be unpacked") from error
    if not inflater.eof or inflater.unused_data or len(body) > reading.MOST_BYTES:
        raise Malformed("its packument cannot be unpacked, or is too large")
    return body
