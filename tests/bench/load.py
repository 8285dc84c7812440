"""Asks a server the same things many times over lines that stay open, as clients do."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

LINES = 4  # two cores: more would measure how threads wait for each other
SECONDS = 300


@dataclass(frozen=True)
class Round:
    """What came of a round. seconds: of all of it; each: of each request, sorted; size: bytes of the largest answer."""

    seconds: float
    each: list[float]
    size: int

    def percentile(self, share: float) -> float:
        """The seconds within which this share of the requests was answered."""
        return self.each[min(len(self.each) - 1, int(share * len(self.each)))]


@dataclass(frozen=True)
class Answer:
    """One answer. headers: their names in lower case; seconds: until its last byte."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float


def ask(urls: Sequence[str], headers: Mapping[str, str], count: int, *, status: int = 200, lines: int = LINES) -> Round:
    """Send `count` requests, the addresses in turns, over some lines at once.

    Raises AssertionError for another status than expected.
    """
    began = time.perf_counter()
    with ThreadPoolExecutor(lines) as pool:
        shares = [range(number, count, lines) for number in range(lines)]
        found = list(pool.map(lambda share: _line(urls, headers, share, status), shares))
    seconds = time.perf_counter() - began
    return Round(seconds, sorted(each for times, _ in found for each in times), max(size for _, size in found))


def once(url: str, headers: Mapping[str, str], method: str = "GET", body: bytes | Path | None = None) -> Answer:
    """One request over a line of its own. body: a file is sent in pieces."""
    line = _connect(url)
    try:
        if isinstance(body, Path):
            with body.open("rb") as file:
                return _exchange(line, method, url, headers | {"Content-Length": str(body.stat().st_size)}, file)
        return _exchange(line, method, url, headers, body)
    finally:
        line.close()


def _line(urls: Sequence[str], headers: Mapping[str, str], share: range, status: int) -> tuple[list[float], int]:
    times, size = [], 0
    line = _connect(urls[0])
    try:
        for number in share:
            url = urls[number % len(urls)]
            answer = _exchange(line, "GET", url, headers)
            assert answer.status == status, f"{url} answered with {answer.status}: {answer.body[:200]!r}"
            times.append(answer.seconds)
            size = max(size, len(answer.body))
    finally:
        line.close()
    return times, size


def _exchange(line: http.client.HTTPConnection, method: str, url: str, headers: Mapping[str, str], body=None) -> Answer:
    began = time.perf_counter()
    line.request(method, urlsplit(url)._replace(scheme="", netloc="").geturl(), body, dict(headers))
    answer = line.getresponse()
    said = answer.read()
    seconds = time.perf_counter() - began
    return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, said, seconds)


def _connect(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=SECONDS)
