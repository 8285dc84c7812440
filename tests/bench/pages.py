"""The pages that people open most, in a registry with very many packages: their cost, and what a first visit takes."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass
from urllib.parse import urljoin

from tests.bench import load, processes
from tests.bench.report import Bar, Figure, Section
from tests.bench.run import Run
from tests.bench.servers import Ours

TEXT = (
    "One line opens the page over and over, with {count:,} packages in the registry (SQLite). Milliseconds until the "
    "last byte, and CPU of the server. Queries are those of the second visit of somebody who is signed in. A first "
    "visit is the page, style sheets, scripts and pictures as a browser asks for them, compressed, in kB; fonts come "
    "later and are counted apart."
)
HEAD = ("", "p50, p99 ms", "CPU ms", "queries", "page kB", "first visit kB", "fonts kB")
BROWSER = {"Accept": "text/html,*/*", "Accept-Encoding": "gzip, deflate, br, zstd"}
COUNTS = {"bench-10": 10, "bench-3000": 3_000}
PERSON, ORG, IN_ORG = "many", "bench-org", 30
MOST_QUERIES, MOST_KILOBYTES = 12, 60
_TAGS = re.compile(r"<(?:link|script|img|use)\b[^>]*>")
_ADDRESS = re.compile(r"""\b(?:href|src)="([^"]+)\"""")
_LINKED = re.compile(r'\brel="(?:stylesheet|icon|preload|modulepreload)"')  # not to feeds and other pages
_IN_STYLE = re.compile(r"""url\(\s*['"]?([^'")]+)""")
_FONT = (".woff2", ".woff", ".ttf")


@dataclass(frozen=True)
class Page:
    """What is opened. signed_in: as PERSON."""

    name: str
    path: str
    signed_in: bool = False


PAGES = (
    Page("package of 10 versions", "/package/bench-10"),
    Page("package of 3,000 versions", "/package/bench-3000"),
    Page("its list of versions", "/package/bench-3000/versions"),
    Page(f"org with {IN_ORG} packages, signed in", f"/org/{ORG}", signed_in=True),
    Page("home, signed in, 3,000 grants", "/", signed_in=True),
    Page("search", "/search?q=date+picker"),
)


def measure(run: Run) -> Section:
    """Open each page some times."""
    server = run.crowded
    run.have(COUNTS)
    server.fill(f"org({IN_ORG})")
    cookie = server.fill(f"cookie({PERSON!r})")
    host = server.site.partition("//")[2]
    paths = [page.path for page in PAGES]
    queries = json.loads(server.fill(f"queries({paths}, {PERSON!r}, {host!r})"))
    section = Section("Pages", TEXT.format(count=run.crowd), HEAD)
    for page in PAGES:
        headers = BROWSER | ({"Cookie": cookie} if page.signed_in else {})
        row, size = _row(run, server, page, headers)
        section.rows.append([page.name, *row[:2], str(queries[page.path]), *row[2:]])
        section.bars.append(Bar(f"page, {page.name}: queries", queries[page.path], MOST_QUERIES))
        section.bars.append(Bar(f"page, {page.name}: first visit, fonts aside", size, MOST_KILOBYTES, "kB"))
        run.say(" | ".join(section.rows[-1]))
    return section


def _row(run: Run, server: Ours, page: Page, headers: dict[str, str]) -> tuple[list[str], float]:
    url = server.site + page.path
    count = 10 if run.quick else 40
    load.ask([url], headers, 4, lines=1)
    cpu, times = [], []
    for _ in range(run.rounds):
        before = processes.cpu_seconds(*server.pids)
        found = load.ask([url], headers, count, lines=1)
        cpu.append((processes.cpu_seconds(*server.pids) - before) / count)
        times += found.each
    times.sort()
    p50, p99 = (times[min(len(times) - 1, int(share * len(times)))] * 1000 for share in (0.5, 0.99))
    own, others, fonts = _first_visit(url, headers)
    row = [f"{p50:.1f}, {p99:.1f}", Figure(tuple(cpu)).shown(1000, 1)]
    return [*row, *(f"{size / 1000:.1f}" for size in (own, own + others, fonts))], (own + others) / 1000


def _first_visit(url: str, headers: dict[str, str]) -> tuple[int, int, int]:
    # Bytes of the page, of what it needs beside that, and of fonts.
    page = load.once(url, headers)
    waiting = [urljoin(url, each) for each in _needed(_text(url, headers))]
    seen, others, fonts = set(), 0, 0
    while waiting:
        address = waiting.pop().partition("#")[0]
        if address in seen or not address.startswith(url.partition("//")[0]):
            continue
        seen.add(address)
        answer = load.once(address, BROWSER)
        assert answer.status == 200, f"{address}, which {url} needs, answered with {answer.status}"
        if address.endswith(_FONT):
            fonts += len(answer.body)
            continue
        others += len(answer.body)
        if answer.headers.get("content-type", "").startswith("text/css"):
            waiting += [urljoin(address, each) for each in _IN_STYLE.findall(_text(address, BROWSER))]
    return len(page.body), others, fonts


def _needed(page: str) -> list[str]:
    tags = [tag for tag in _TAGS.findall(page) if not tag.startswith("<link") or _LINKED.search(tag)]
    return [found[1] for tag in tags if (found := _ADDRESS.search(tag))]


def _text(url: str, headers: dict[str, str]) -> str:
    answer = load.once(url, headers | {"Accept-Encoding": "identity"})
    body = gzip.decompress(answer.body) if answer.headers.get("content-encoding") == "gzip" else answer.body
    return body.decode(errors="replace")
