"""What happens here in numbers, as Prometheus reads them: counted by each process, added up when somebody asks.

Nothing is counted, and nothing loaded for it, unless `METRICS_TOKEN` is set. Each label has few values: the name of a
route and never a path, a status, a word of ours.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # where the processes of one server keep their counts; gunicorn.conf.py sets it
REQUEST_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)
UPSTREAM_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
# name: (what it counts, its labels); Prometheus sees each with `_total` behind it.
COUNTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "registry_requests": ("Requests that were answered", ("route", "status")),
    "registry_changes": ("Changes of packages, by their name in the audit log", ("change",)),
    "registry_tarballs_sent": ("Tarballs that were sent whole", ()),
    "registry_tarball_bytes_sent": ("Bytes of tarballs that were sent whole", ()),
    "registry_mirror_tarballs": ("Mirrored tarballs: a hit was here, a miss was fetched", ("result",)),
    "registry_mirror_documents": ("Mirrored documents: a hit was fresh, a miss was asked for", ("result",)),
    "registry_refused_tokens": ("Requests with a credential that opens nothing", ()),
}
HISTOGRAMS: dict[str, tuple[str, tuple[str, ...], tuple[float, ...]]] = {
    "registry_request_seconds": ("Until the answer to a request began", ("route",), REQUEST_SECONDS),
    "registry_upstream_seconds": ("Until an upstream registry answered", ("host", "result"), UPSTREAM_SECONDS),
}
# Rows in memory that a process writes later (download counts and the like); of processes that live.
WAITING = ("registry_rows_waiting", "Rows in memory that are not in the database yet", ("kind",))

Gauge = tuple[str, str, Callable[[], float | dict[tuple[str, ...], float] | None], tuple[str, ...]]


def count(name: str, *labels: str, by: float = 1) -> None:
    """Count something. name: a key of COUNTERS; labels: in its order; by: how much."""
    if settings.METRICS_TOKEN:
        _child(name, labels).inc(by)


def took(name: str, seconds: float, *labels: str) -> None:
    """Note how long something took. name: a key of HISTOGRAMS; labels: in its order."""
    if settings.METRICS_TOKEN:
        _child(name, labels).observe(seconds)


def observe(route: str, status: int, seconds: float) -> None:
    """Count a request that was answered. route: of the address table, never a path; costs a few microseconds."""
    if settings.METRICS_TOKEN:
        _child("registry_requests", (route, str(status))).inc()
        _child("registry_request_seconds", (route,)).observe(seconds)


def waiting(kind: str, rows: int) -> None:
    """Note how many rows this process has not written yet."""
    if settings.METRICS_TOKEN:
        _child(WAITING[0], (kind,)).set(rows)


def exposition(gauges: Iterable[Gauge]) -> tuple[bytes, str]:
    """All of it as Prometheus reads it, and its content type.

    gauges: (name, what it is, how to find out, its labels): what is looked up when somebody asks. One that fails, or
    knows nothing, is left out.
    """
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_LATEST
    from prometheus_client.multiprocess import MultiProcessCollector

    counted = _counted()
    if os.environ.get(FOLDER):
        counted = CollectorRegistry()
        MultiProcessCollector(counted)
    looked_up = CollectorRegistry()
    looked_up.register(_LookedUp(gauges))
    return generate_latest(counted) + generate_latest(looked_up), CONTENT_TYPE_LATEST


def names() -> set[str]:
    """What Prometheus may ask for, of all that is counted here."""
    histograms = {f"{name}_{part}" for name in HISTOGRAMS for part in ("bucket", "count", "sum")}
    return {f"{name}_total" for name in COUNTERS} | histograms | {WAITING[0]}


class _LookedUp:
    def __init__(self, gauges: Iterable[Gauge]) -> None:
        self._gauges = gauges

    def collect(self):
        from prometheus_client.core import GaugeMetricFamily

        for name, says, look, labels in self._gauges:
            found = look()
            if found is None:
                continue
            family = GaugeMetricFamily(name, says, labels=labels)
            for values, number in (found if isinstance(found, dict) else {(): found}).items():
                family.add_metric(values, number)
            yield family


_lock = threading.Lock()


@cache
def _counted() -> CollectorRegistry:
    from prometheus_client import CollectorRegistry

    return CollectorRegistry()


@cache
def _child(name: str, labels: tuple[str, ...]) -> Any:
    with _lock:  # two threads that come first at once would define everything twice
        family = _families()[name]
    return family.labels(*labels) if labels else family


@cache
def _families() -> dict[str, Any]:
    from prometheus_client import Counter, Gauge, Histogram

    registry = _counted()
    found: dict[str, Any] = {}
    for name, (says, labels) in COUNTERS.items():
        found[name] = Counter(name, says, labels, registry=registry)
    for name, (says, labels, buckets) in HISTOGRAMS.items():
        found[name] = Histogram(name, says, labels, buckets=buckets, registry=registry)
    name, says, labels = WAITING
    found[name] = Gauge(name, says, labels, registry=registry, multiprocess_mode="livesum")
    return found
