"""Tarballs of the upstream registry: fetched once, verified against what was first said of them, and kept.

    opened -> rules -> here already: the blob | flight -> client -> spool, hashed -> verified -> blob -> row

No byte of a small tarball goes out before all of it is verified. A large one is passed on while it arrives, and its
last piece is held back until the whole is verified: a wrong one never arrives whole anywhere.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import standstill
from accounts.actor import Actor
from packages import blobs, reserve
from packages.models import MirrorAlert, MirrorVersion, Package, Version
from packages.upstream import alerts, client, contents, documents, flights, mirroring, reading, registries, signing
from packages.upstream.client import UpstreamError
from packages.upstream.registries import Registry
from registry_site import metrics, spool
from registry_site.egress import EgressError
from registry_site.errors import NotFound, Refusal, Unavailable, UpstreamFailed

MOST_BYTES = 512 * 2**20
WHOLE_FIRST = 8 * 2**20  # up to this size all of it is verified before the first byte goes out
SECONDS = 120
REFUSED_AGE = timedelta(minutes=5)  # how long bytes that were wrong are not asked for again
ASK_AGAIN = timedelta(seconds=10)
ROUNDS = 5


@dataclass(frozen=True)
class Opened:
    """A tarball to be sent: a version whose bytes are here, or a body that is still on its way.

    size: None when upstream did not say.
    """

    size: int | None
    version: Version | None = None
    body: Iterator[bytes] = iter(())


def opened(actor: Actor, package: Package, number: str) -> Opened:
    """A mirrored version, fetched on the way when its bytes are not here.

    package: as `mirroring.find` gave it. Raises NotFound, the refusal of a rule, Quarantined, Unavailable when upstream
    cannot be asked, UpstreamFailed when it gives other bytes than it said.
    """
    row = _row(actor, package, number)
    for _ in range(ROUNDS):
        if row.version is not None:
            metrics.count("registry_mirror_tarballs", "hit")
            return Opened(row.version.size, row.version)
        _require_sound(row)
        _require_room(row)
        if flights.take(row, "version_id", "refused_at"):
            metrics.count("registry_mirror_tarballs", "miss")
            return _fetched(row)
        flights.wait(row)
        row = _row(actor, package, number)
    raise Unavailable("the upstream registry takes long to answer; try again")


def size(actor: Actor, package: Package, number: str) -> int | None:
    """How long a tarball is, None while it is not here and would be fetched. Raises as `opened`."""
    row = _row(actor, package, number)
    if row.version is not None:
        return row.version.size
    _require_sound(row)
    if settings.UPSTREAM_OFFLINE:
        raise Unavailable(f"this registry works offline and does not have {package.name}@{number}")
    return None


def tarball(actor: Actor, package: Package, number: str) -> Version:
    """The same as a row, its bytes verified and in the store. Raises as `opened`."""
    found = opened(actor, package, number)
    if found.version is not None:
        return found.version
    for _ in found.body:
        pass
    return Version.objects.get(package=package, number=number)


def _row(actor: Actor, package: Package, number: str) -> MirrorVersion:
    try:
        return documents.require_free(actor, package, number)
    except NotFound:
        # A lockfile may know a version that appeared upstream after we last asked.
        mirror = mirroring.refresh(package.name, full=False)
        recent = mirror.checked_at and mirror.checked_at > timezone.now() - ASK_AGAIN
        if mirror.versions.filter(number=number).exists() or recent:
            return documents.require_free(actor, package, number)
        mirroring.refresh(package.name, full=mirror.is_full, force=True)
        return documents.require_free(actor, package, number)


def _require_sound(row: MirrorVersion) -> None:
    name = f"{row.mirror.name}@{row.number}"
    if row.refused_at is not None and row.refused_at > timezone.now() - REFUSED_AGE:
        raise UpstreamFailed(f"upstream gave other bytes of {name} than it said; they are not served")
    digest = reading.digest_of(row.integrity)
    if not settings.UPSTREAM_SHA1 and (digest is None or digest[0] == "sha1"):
        raise UpstreamFailed(f"upstream says no more than a SHA-1 of {name}, which this registry does not accept")


def _require_room(row: MirrorVersion) -> None:
    reserve.require()
    if still := standstill.current():
        name = f"{row.mirror.name}@{row.number}"
        raise Unavailable(f"{name} was not fetched before, and nothing new is: {still.sentence}", code="read_only")


def _fetched(row: MirrorVersion) -> Opened:
    arrival = _Arrival(row)
    try:
        first = arrival.begin()
    except BaseException:
        arrival.end()
        raise
    if first is None:
        arrival.end()
        return Opened(arrival.version.size, arrival.version)
    passing = arrival.rest(first)
    next(passing)  # begun, it cleans up also when nobody reads on
    return Opened(arrival.size, body=passing)


class _Arrival:
    """One tarball on its way from upstream into the store."""

    def __init__(self, row: MirrorVersion) -> None:
        self.row = row
        self.version: Version | None = None
        self.size: int | None = None
        self._name = f"{row.mirror.name}@{row.number}"
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self._taken, self._renewed = 0, time.monotonic()
        self._sha512, self._sha1 = hashlib.sha512(), hashlib.sha1(usedforsecurity=False)
        self._stream = None
        self._chunks: Iterator[bytes] = iter(())

    def begin(self) -> list[bytes] | None:
        """Read what is verified before anything goes out: None when that was all, else what came so far."""
        registry = registries.for_name(self.row.mirror.name)
        if registry is None:
            raise NotFound(f"{self._name} is not here")
        try:
            self._open(registry)
            so_far = []
            for chunk in self._chunks:
                self._take(chunk)
                so_far.append(chunk)
                if self._taken > WHOLE_FIRST:
                    return so_far
        except (UpstreamError, EgressError) as error:
            raise Unavailable(f"{self._name} cannot be fetched from upstream right now ({error}); try again") from error
        self._keep()
        return None

    def rest(self, so_far: list[bytes]) -> Iterator[bytes]:
        """Everything, piece by piece; the last one only once the whole is verified."""
        try:
            yield b""
            waiting = so_far.pop()
            yield from so_far
            so_far.clear()
            for chunk in self._chunks:
                self._take(chunk)
                yield waiting
                waiting = chunk
            self._keep()
            yield waiting
        finally:
            self.end()

    def end(self) -> None:
        """Whatever came of it: close the line, remove what was spooled, let the next one try."""
        if self._stream is not None:
            with suppress(Exception):
                self._stream.__exit__(None, None, None)
        if self._file is not None:
            self._file.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        flights.land(self.row)

    def _open(self, registry: Registry) -> None:
        self._stream = client.opened(
            registry, self.row.tarball, {"Accept-Encoding": "identity"}, most=MOST_BYTES, seconds=SECONDS
        )
        reply = self._stream.__enter__()
        if reply.status != 200:
            raise UpstreamError(f"{registry.host} answered with {reply.status}")
        self.size = reply.length
        self._chunks = reply.chunks()
        handle, self._path = spool.file("mirror")
        self._file = os.fdopen(handle, "wb")

    def _take(self, chunk: bytes) -> None:
        if time.monotonic() - self._renewed > flights.RENEW_SECONDS:
            flights.renew(self.row)
            self._renewed = time.monotonic()
        self._taken += len(chunk)
        self._sha512.update(chunk)
        self._sha1.update(chunk)
        self._file.write(chunk)

    def _keep(self) -> None:
        self._file.close()
        if not is_what_was_said(self.row, self._path, self._sha512.digest(), self._sha1.hexdigest()):
            MirrorVersion.objects.filter(pk=self.row.pk).update(refused_at=timezone.now())
            text = f"the tarball of {self._name} is not what upstream said of it; it was not kept"
            alerts.alert(MirrorAlert.Kind.REFUSED, self.row.mirror.name, self.row.number, text)
            raise UpstreamFailed(f"upstream gave other bytes of {self._name} than it said; they are not served")
        self.version = keep(self.row, self._path, self._sha512.digest(), self._sha1.hexdigest())
        signing.watch(self.row)


def keep(row: MirrorVersion, path: Path, sha512: bytes, sha1: str) -> Version:
    """Store the verified tarball of a version and list it; the file is gone afterwards.

    Raises NotFound when its name became ours meanwhile, Unavailable when the store does not take it.
    """
    columns = contents.columns(row, path, sha512, sha1)
    columns["blob"], kept_at = blobs.keep(sha512, path), time.time()
    try:
        with transaction.atomic():
            blobs.require_young(kept_at)
            package = Package.objects.select_for_update().filter(mirror=row.mirror_id, mirrored=True).first()
            if package is None:
                raise NotFound(f"{row.mirror.name} is not here")
            version = Version.objects.create(package=package, **columns)
            MirrorVersion.objects.filter(pk=row.pk).update(version=version)
            if row.number == row.mirror.latest:
                contents.lead(package, version)
    except Refusal:
        blobs.discard(columns["blob"])
        raise
    except IntegrityError:  # somebody else was faster
        blobs.discard(columns["blob"])
        version = Version.objects.get(package__mirror=row.mirror_id, number=row.number)
        MirrorVersion.objects.filter(pk=row.pk, version=None).update(version=version)
    return version


def is_what_was_said(row: MirrorVersion, path: Path, sha512: bytes, sha1: str) -> bool:
    """Whether bytes are those that upstream first spoke of. sha512, sha1: of the bytes at `path`."""
    said = reading.digest_of(row.integrity)
    if said is None:
        return sha1 == row.shasum
    algorithm, value = said
    if algorithm == "sha512":
        return sha512 == value
    if algorithm == "sha1":
        return sha1 == value.hex()
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).digest() == value
