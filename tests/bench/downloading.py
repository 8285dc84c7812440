"""What an install does to a registry, without the client: fetches all packuments and tarballs over some open lines."""

from __future__ import annotations

import http.client
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

FULL = {"Accept": "application/json", "Accept-Encoding": "gzip"}  # as npm 10 and later ask
PIECE = 1 << 16


@dataclass
class Tally:
    """What came of some installs. wrong: what went wrong, and how often; left: requests there was no time for."""

    done: int = 0
    size: int = 0
    left: int = 0
    wrong: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.done + other.done, self.size + other.size, self.left + other.left, self.wrong + other.wrong
        )  # fmt: skip


def installs(base: str, paths: tuple[Sequence[str], Sequence[str]], seeds: range, lines: int, until: float) -> Tally:
    """Some installs at once in this process, each in an order of its own.

    paths: of packuments and of tarballs. lines: of each install. until: the time.time() at which they stop.
    """
    with ThreadPoolExecutor(len(seeds)) as pool:
        return sum(pool.map(lambda seed: _install(base, paths, seed, lines, until), seeds), Tally())


def _install(base: str, paths: tuple[Sequence[str], Sequence[str]], seed: int, lines: int, until: float) -> Tally:
    wanted = [(path, FULL) for path in paths[0]] + [(path, {}) for path in paths[1]]
    random.Random(seed).shuffle(wanted)
    places, lock, found = itertools.count(), threading.Lock(), []

    def work() -> None:
        tally = Tally()
        _line(base, wanted, places, until, tally)
        with lock:
            found.append(tally)

    threads = [threading.Thread(target=work) for _ in range(lines)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    total = sum(found, Tally())
    total.left = len(wanted) - total.done - total.wrong.total()
    return total


def _line(base: str, wanted: Sequence, places: itertools.count, until: float, tally: Tally) -> None:
    parts = urlsplit(base)
    line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=120)
    try:
        while (place := next(places)) < len(wanted) and time.time() < until:
            path, headers = wanted[place]
            try:
                line.request("GET", parts.path + path, headers=headers)
                answer = line.getresponse()
                while piece := answer.read(PIECE):
                    tally.size += len(piece)
                if answer.status == 200:
                    tally.done += 1
                else:
                    tally.wrong[f"status {answer.status}"] += 1
            except (OSError, http.client.HTTPException) as error:
                tally.wrong[type(error).__name__] += 1
                line.close()
    finally:
        line.close()
