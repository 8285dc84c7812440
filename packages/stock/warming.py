"""Fetches what lockfiles ask for before anybody does; what is here already costs nothing, so it may be repeated."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import NamedTuple

from django.db import connections

from accounts.actor import Actor
from packages.lockfiles import Pinned
from packages.models import Mirror, Package
from packages.stock.wanted import Wanted
from packages.upstream import fetching, mirroring, reading, registries
from registry_site.errors import Conflict, NotFound, Refusal

THREADS = 4


class Outcome(NamedTuple):
    """What came of one version. failure: why it is not here, "" when it is."""

    pinned: Pinned
    failure: str
    was_here: bool = False


def warm(actor: Actor, wanted: Wanted, threads: int = THREADS) -> Iterator[Outcome]:
    """Fetch everything, some packages at a time; gives what came of each version, in no order.

    actor: rules of the registry hold for it, as for everybody. threads: 1 fetches one after another.
    Raises Conflict when there is no upstream registry.
    """
    if not registries.is_on():
        raise Conflict("there is no upstream registry; set UPSTREAM_URL first")
    if threads <= 1:
        for some in wanted.names.values():
            yield from _package(actor, some)
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="warm") as pool:
        jobs = [pool.submit(_in_thread, actor, some) for some in wanted.names.values()]
        try:
            for job in as_completed(jobs):
                yield from job.result()
        finally:  # after Ctrl-C nothing more is begun
            pool.shutdown(cancel_futures=True)


def _in_thread(actor: Actor, some: list[Pinned]) -> list[Outcome]:
    try:
        return _package(actor, some)
    finally:
        connections.close_all()


def _package(actor: Actor, some: list[Pinned]) -> list[Outcome]:
    name = some[0].name
    mirror = Mirror.objects.filter(name=name, state=Mirror.State.FOUND, is_full=True).first()
    here = _here(mirror)
    if mirror is not None and here.issuperset(each.number for each in some):
        return [Outcome(each, _other_bytes(mirror, each), was_here=True) for each in some]
    try:
        if registries.for_name(name) is None:
            raise NotFound("no upstream registry is set for names of this scope")
        # The whole packument: newer clients ask for it, and so do rules about times and licences.
        mirror = mirroring.refresh(name)
        package = mirror.package
        if package is None:
            raise NotFound("upstream has no package of this name")
    except Refusal as refusal:
        return [Outcome(each, refusal.message) for each in some]
    return [_version(actor, mirror, package, each, each.number in here) for each in some]


def _version(actor: Actor, mirror: Mirror, package: Package, each: Pinned, was_here: bool) -> Outcome:
    try:
        if not was_here:
            fetching.tarball(actor, package, each.number)
    except Refusal as refusal:
        return Outcome(each, refusal.message)
    return Outcome(each, _other_bytes(mirror, each), was_here)


def _here(mirror: Mirror | None) -> set[str]:
    known = mirror.versions.exclude(version=None).values_list("number", flat=True) if mirror else ()
    return set(known)


def _other_bytes(mirror: Mirror, each: Pinned) -> str:
    said = mirror.versions.filter(number=each.number).values_list("version__integrity", flat=True).first()
    here, there = reading.digest_of(said or ""), reading.digest_of(each.integrity)
    same_kind = here and there and here[0] == there[0]
    return "the lockfile asks for other bytes than upstream has" if same_kind and here != there else ""
