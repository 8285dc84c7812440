"""Search in very many packages, on both databases, for people who may see more or less of them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import quote_plus

from tests.bench import load, processes
from tests.bench.report import Bar, Figure, Section
from tests.bench.run import Run
from tests.bench.servers import Ours
from tests.tools import postgres

WORDS = """date picker|react table|parser|payment|@billing|auth middleware|logger|theme tokens|csv export|queue worker|
    image resize|http client|invoice pdf|types|cli|chart|search index|map|cache|form validation|zebra|acme|webhook|a|
    editor plugin|stream utils|currency|user profile|translate|calendar view""".replace("\n", " ").split("|")
PEOPLE = {"anonymous": "", "with 3 grants": "few", "with 3,000 grants": "many"}
MOST = 50.0
MOST_SECONDS = 20  # of one cell's rounds; where it takes longer, fewer rounds have to do
TEXT = (
    "One line asks for {count} texts, one after the other, as people type them: words, parts of names, a letter, what "
    "is not there. Median and 99 of 100 over all rounds, and the CPU of the server (with PostgreSQL, of the database, "
    "too) for one search; in milliseconds."
)
HEAD = ("", "`npm search`: p50, p99", "CPU", "page: p50, p99", "CPU")


def measure(run: Run) -> Section:
    """Ask as each person, for clients and on the page."""
    section = Section(f"Search in {run.crowd:,} packages", TEXT.format(count=len(WORDS)), HEAD)
    for database, made in (("SQLite", _sqlite), ("PostgreSQL", _postgres)):
        try:
            with made(run) as server:
                for bar in _ask(run, server, database, section):
                    section.bars.append(bar)
        except postgres.Missing as reason:
            section.notes.append(f"{database} was not measured: {reason}")
    return section


def _ask(run: Run, server: Ours, database: str, section: Section) -> Iterator[Bar]:
    clock: dict[str, float] = {}
    for what, person in PEOPLE.items():
        bearer = {"Authorization": f"Bearer {server.token(person)}"} if person else {}
        cookie = {"Cookie": server.fill(f"cookie({person!r})")} if person else {}
        asked: list[tuple[str, Callable[[str], str], dict[str, str]]] = [
            ("npm search", lambda word: f"{server.base}/-/v1/search?text={quote_plus(word)}&size=20", bearer),
            ("search page", lambda word: f"{server.site}/search?q={quote_plus(word)}", cookie),
        ]
        row = [f"{database}, {what}"]
        for kind, address, headers in asked:
            words = WORDS[:3] if run.quick else WORDS
            times, cpu = _rounds(run, server, [address(word.strip()) for word in words], headers)
            row += [f"{times.percentile(0.5) * 1000:.1f}, {times.percentile(0.99) * 1000:.1f}", cpu.shown(1000, 1)]
            clock[f"{kind} {what}"] = times.percentile(0.5) * 1000
            yield Bar(f"{kind} on {database}, {what}: median", clock[f"{kind} {what}"], MOST, "ms")
        section.rows.append(row)
        run.say(" | ".join(row))
    few, many = list(PEOPLE)[1:]
    for kind in ("npm search", "search page"):
        much = clock[f"{kind} {many}"] / clock[f"{kind} {few}"]
        yield Bar(f"{kind} on {database}: with 3,000 grants over with 3", much, 1.2, "times (a tenth is noise)")


def _rounds(run: Run, server: Ours, urls: list[str], headers: dict[str, str]) -> tuple[load.Round, Figure]:
    load.ask(urls, headers, len(urls), lines=1)
    times, cpu, last = [], [], time.monotonic() + MOST_SECONDS
    while not times or (len(times) < run.rounds and time.monotonic() < last):
        before = processes.cpu_seconds(*server.pids)
        times.append(load.ask(urls, headers, len(urls), lines=1))
        cpu.append((processes.cpu_seconds(*server.pids) - before) / len(urls))
    each = sorted(second for found in times for second in found.each)
    return load.Round(sum(found.seconds for found in times), each, max(found.size for found in times)), Figure(
        tuple(cpu)
    )


@contextmanager
def _sqlite(run: Run) -> Iterator[Ours]:
    yield run.crowded


@contextmanager
def _postgres(run: Run) -> Iterator[Ours]:
    with ExitStack() as stack:
        url = stack.enter_context(postgres.server())
        beside = processes.named("postgres", os.getpid())
        server = stack.enter_context(run.watched("PostgreSQL", Ours({"DATABASE_URL": url}, beside)))
        run.say(f"putting {run.crowd:,} packages into PostgreSQL")
        server.fill(f"crowd({run.crowd})")
        yield server
