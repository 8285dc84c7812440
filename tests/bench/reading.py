"""What installs read: packuments in both forms, tarballs, and the ping that shows what a request costs at the least."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.bench import load, processes, servers
from tests.bench.servers import COUNTS, SIZES, Server

FULL = {"Accept": "application/json", "Accept-Encoding": "gzip"}
SHORT = {"Accept": "application/vnd.npm.install-v1+json", "Accept-Encoding": "gzip"}
ROUNDS = 5
SECONDS = 1.0  # a round of one server, about


@dataclass(frozen=True)
class Case:
    """One question. paths: of nginx, where it differs. known: asked again with the ETag of the first answer."""

    name: str
    path: str
    headers: dict[str, str]
    file: str
    known: bool = False


@dataclass(frozen=True)
class Measured:
    """A round of a server: CPU seconds of all its processes for one request, requests a second, p50 and p99."""

    cpu: float
    rate: float
    p50: float
    p99: float


def cases(only: str) -> Iterator[Case]:
    """The questions. only: `packument`, `tarball` or `ping`, "" for all."""
    if only in ("", "ping"):
        yield Case("ping", "/-/ping", {}, "/ping")
    if only in ("", "packument"):
        for count in COUNTS:
            path = f"/bench-{count}"
            for form, headers in (("full", FULL), ("short", SHORT)):
                file = f"{path}/{form}"
                yield Case(f"packument of {count}, {form}", path, headers, file)
                yield Case(f"packument of {count}, {form}, 304", path, headers, file, known=True)
    if only in ("", "tarball"):
        for word in SIZES:
            path = servers.tarball(f"bench-{word}")
            yield Case(f"tarball of {word}", path, {}, f"/bench-{word}/tarball")


def measure(case: Case, found: list[Server]) -> dict[str, list[Measured]]:
    """Ask all servers in turns, some rounds. A server that does not know the ETag of its own answer is left out."""
    asked = {each.name: _question(case, each) for each in found}
    counts = {name: _count(*question) for name, question in asked.items() if question is not None}
    results: dict[str, list[Measured]] = {name: [] for name in counts}
    for _ in range(ROUNDS):
        for each in found:
            if each.name in counts:
                results[each.name].append(_round(each, *asked[each.name], counts[each.name]))
    return results


def _question(case: Case, server: Server) -> tuple[str, dict[str, str], int] | None:
    url = server.base + (case.file if server.name == "nginx" else case.path)
    if not case.known:
        return url, case.headers, 200
    etag = load.etag(url, case.headers)
    headers = case.headers | {"If-None-Match": etag}
    return (url, headers, 304) if etag and load.status(url, headers) == 304 else None


def _count(url: str, headers: dict[str, str], status: int) -> int:
    warm = load.ask(url, headers, 8, status)
    return max(8, min(2000, int(SECONDS * 8 / warm.seconds)))


def _round(server: Server, url: str, headers: dict[str, str], status: int, count: int) -> Measured:
    before = processes.cpu_seconds(server.pid)
    found = load.ask(url, headers, count, status)
    cpu = (processes.cpu_seconds(server.pid) - before) / count
    return Measured(cpu, count / found.seconds, found.percentile(0.5), found.percentile(0.99))
