"""A registry of real processes that a test kills, over a database and a store of its own that it looks into.

    with Place("postgres", "s3", tmp_path, cluster) as place, Host(place) as host:
        told = Told()
        people = publishers([host], place, told, seed, stop)
        at_work(people, lambda: host.kill("worker"))
        oracle(host, told)

Seeds come from `seed()`, which prints the one it gives; FAULTS_SEED sets it, FAULTS_CYCLES how often things break.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.faults.hosts import Broken, Host, broken_off, is_alive, wait_until
from tests.faults.load import Lost, Publisher, Reader, Sent, Told, ask, at_work, pack, path_of, publish, tarball_path
from tests.faults.oracle import Verdict, oracle, patiently, settled
from tests.faults.places import PLACES, Place, forget

__all__ = [
    "PLACES", "Broken", "Host", "Lost", "Place", "Publisher", "Reader", "Sent", "Told", "Verdict", "ask", "at_once",
    "at_work", "broken_off", "cycles", "forget", "is_alive", "oracle", "pack", "path_of", "patiently", "publish",
    "publishers", "seed", "settled", "tarball_path", "wait_until",
]  # fmt: skip


def seed() -> int:
    """A seed for this test, printed: the one of FAULTS_SEED, or another each time only where many cycles are asked."""
    given = os.environ.get("FAULTS_SEED")
    number = int(given) if given else secrets.randbelow(10**6) if "FAULTS_CYCLES" in os.environ else 7
    print(f"FAULTS_SEED={number}")
    return number


def cycles(few: int) -> int:
    """How often things break in a test: `few`, unless FAULTS_CYCLES says another number."""
    return int(os.environ.get("FAULTS_CYCLES") or few)


def publishers(
    hosts: Sequence[Host], told: Told, number: int, *, readers: int = 0, names: Sequence[str] = (), **more: Any
) -> list[Publisher | Reader]:
    """So many publishers, each with a package of its own and one that all share, and readers, of all hosts.

    more: for `Publisher`. Their dice follow from `number`'s place and from `more["seed"]`, 0 unless it is given.
    """
    stop, token = threading.Event(), hosts[0].place.token
    first = more.pop("seed", 0)
    found: list[Publisher | Reader] = []
    for each in range(number):
        own = [f"@acme/own-{first + each}", *(names or ("@acme/shared",))]
        who = token["alice" if each % 2 else "bob"]
        found.append(Publisher([host.port for host in hosts], who, told, first + each + 1, stop, names=own, **more))
    for each in range(readers):
        found.append(Reader([host.port for host in hosts], token["alice"], told, first + number + each + 1, stop))
    return found


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each of these gives, all begun at the same moment. Raises what one of them raises."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        barrier.wait(60)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))
