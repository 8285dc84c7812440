"""Many people install the same app at the same moment."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from tests.bench import downloading, processes
from tests.bench.downloading import Tally
from tests.bench.report import Bar, Section, ratio
from tests.bench.run import Run

TEXT = (
    "Each install fetches every packument (the full form, as npm 10 and later do) and every tarball of the app over "
    "lines of its own that stay open, all installs at once. Nothing is installed: so many clients would measure Node. "
    "One round; a server that is not done in time is stopped there, and what it did counts."
)
HEAD = ("", "installs done", "seconds", "requests/s", "MB/s", "CPU ms a request", "failures")
LINES = 8
PROCESSES = 4
MOST_SECONDS = 180


@dataclass(frozen=True)
class Took:
    """What came of a server's round."""

    tally: Tally
    seconds: float
    cpu: float


def measure(run: Run) -> Section:
    """All installs at once from ours, then from verdaccio."""
    count = 8 if run.quick else 64
    most = 30 if run.quick else MOST_SECONDS
    section = Section(f"{count} installs at once", TEXT, HEAD)
    found = {}
    for server in (run.mirrors.ours, run.mirrors.verdaccio):
        run.say(f"{count} installs from {server.name}")
        found[server.name] = took = _round(server, run.mirrors.paths, count, most)
        section.rows.append(_row(server.name, took, count))
        for what, times in took.tally.wrong.items():
            section.notes.append(f"{server.name} failed {times} times: {what}.")
    ours, theirs = found["ours"], found["verdaccio"]
    section.notes.append(f"CPU of a request, ours / verdaccio: {ratio(_cpu(ours), _cpu(theirs))}.")
    section.notes.append(f"Requests in a second, ours / verdaccio: {ratio(_rate(ours), _rate(theirs))}.")
    section.bars.append(Bar(f"{count} installs at once: failures", float(ours.tally.wrong.total()), 0))
    return section


def _round(server, paths: tuple[list[str], list[str]], count: int, most: int) -> Took:
    workers = min(PROCESSES, count)
    shares = [range(first, count, workers) for first in range(workers)]
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(abs, range(workers)))  # started before the clock is
        before, began = processes.cpu_seconds(*server.pids), time.perf_counter()
        until = time.time() + most
        waiting = [pool.submit(downloading.installs, server.base, paths, share, LINES, until) for share in shares]
        tally = sum((each.result() for each in waiting), Tally())
        seconds = time.perf_counter() - began
        return Took(tally, seconds, processes.cpu_seconds(*server.pids) - before)


def _row(name: str, took: Took, count: int) -> list[str]:
    tally = took.tally
    share = count * tally.done / max(1, tally.done + tally.left + tally.wrong.total())
    return [
        name, f"{share:.1f} of {count}", f"{took.seconds:.1f}", f"{_rate(took):.0f}",
        f"{tally.size / took.seconds / 1e6:.0f}", f"{_cpu(took) * 1000:.2f}", str(tally.wrong.total()),
    ]  # fmt: skip


def _rate(took: Took) -> float:
    return took.tally.done / took.seconds


def _cpu(took: Took) -> float:
    return took.cpu / max(1, took.tally.done)
