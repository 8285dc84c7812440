"""Asks a server the same thing many times over lines that stay open, as clients do."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

LINES = 4  # two cores: more would measure how threads wait for each other


@dataclass(frozen=True)
class Round:
    """What came of a round. seconds: for all of it; each: of each request, sorted; size: bytes of one answer."""

    seconds: float
    each: list[float]
    size: int

    def percentile(self, share: float) -> float:
        """The seconds within which this share of the requests was answered."""
        return self.each[min(len(self.each) - 1, int(share * len(self.each)))]


def ask(url: str, headers: Mapping[str, str], count: int, status: int = 200) -> Round:
    """Send `count` requests over a few lines at once. Raises AssertionError for another status than expected."""
    began = time.perf_counter()
    with ThreadPoolExecutor(LINES) as pool:
        shares = [count // LINES + (number < count % LINES) for number in range(LINES)]
        found = list(pool.map(lambda share: _line(url, headers, share, status), shares))
    seconds = time.perf_counter() - began
    return Round(seconds, sorted(each for times, _ in found for each in times), max(size for _, size in found))


def _line(url: str, headers: Mapping[str, str], count: int, status: int) -> tuple[list[float], int]:
    parts = urlsplit(url)
    line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    times, size = [], 0
    try:
        for _ in range(count):
            began = time.perf_counter()
            line.request("GET", parts.path, headers=dict(headers))
            answer = line.getresponse()
            size = len(answer.read())
            times.append(time.perf_counter() - began)
            assert answer.status == status, f"{url} answered with {answer.status}"
    finally:
        line.close()
    return times, size


def etag(url: str, headers: Mapping[str, str]) -> str:
    """The ETag of an answer, "" when it has none."""
    return _once(url, headers)[1].get("etag", "")


def status(url: str, headers: Mapping[str, str]) -> int:
    """The status of an answer."""
    return _once(url, headers)[0]


def _once(url: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str]]:
    parts = urlsplit(url)
    line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    try:
        line.request("GET", parts.path, headers=dict(headers))
        answer = line.getresponse()
        answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}
    finally:
        line.close()
