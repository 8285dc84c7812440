"""Asks an upstream registry: its token goes to its own origin and nowhere else, nothing of our clients goes along."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from time import perf_counter
from urllib.parse import urljoin

from django.conf import settings

from packages.upstream.registries import Registry, origin_of
from registry_site import lines, metrics
from registry_site.egress import EgressError
from registry_site.lines import Reply

MOST_REDIRECTS = 3
REDIRECTS = (301, 302, 303, 307, 308)
SECONDS = 20


class UpstreamError(Exception):
    """Upstream could not be asked, or did not answer; the message is for people and holds no secret."""


class Offline(UpstreamError):
    """`UPSTREAM_OFFLINE` is on: nobody is asked."""


@dataclass(frozen=True)
class Answer:
    """What came back, whole. headers: in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def get(
    registry: Registry, path: str, headers: Mapping[str, str] | None = None, *, most: int, seconds: float = SECONDS
) -> Answer:
    """Ask for a path of a registry and read the whole answer, whatever its status.

    path: below its address, without a first slash, quoted already. most: bytes, unpacked.
    Raises UpstreamError. Never call it inside a transaction.
    """
    with opened(registry, registry.address(path), headers, most=most, seconds=seconds) as reply:
        return Answer(reply.status, reply.headers, reply.body())


def post(
    registry: Registry,
    path: str,
    body: bytes,
    headers: Mapping[str, str] | None = None,
    *,
    most: int,
    seconds: float = SECONDS,
) -> Answer:
    """Send a body to a path of a registry and read the whole answer; a redirect is not followed. Raises as `get`."""
    url = registry.address(path)
    try:
        _require_online()
        sent = _headers(registry, url, headers)
        with _timed(registry, lines.ask("POST", url, sent, body, most=most, seconds=seconds)) as reply:
            return Answer(reply.status, reply.headers, reply.body())
    except EgressError as error:
        raise UpstreamError(error.message) from error


@contextmanager
def opened(
    registry: Registry,
    url: str,
    headers: Mapping[str, str] | None = None,
    *,
    most: int,
    seconds: float,
    follow: bool = True,
) -> Iterator[Reply]:
    """The answer to a GET, its body still to be read with `Reply.chunks`.

    follow: a redirect a few times, never from https to http, and without the token to another origin.
    Raises UpstreamError; reading raises EgressError.
    """
    _require_online()
    try:
        for _ in range(MOST_REDIRECTS + 1):
            _require_kept_safe(registry, url)
            sent = _headers(registry, url, headers)
            with _timed(registry, lines.ask("GET", url, sent, most=most, seconds=seconds)) as reply:
                if reply.status not in REDIRECTS or not follow:
                    yield reply
                    return
                url = urljoin(url, reply.headers.get("location", ""))
    except EgressError as error:
        raise UpstreamError(error.message) from error
    raise UpstreamError(f"{registry.host} redirects without an end")


@contextmanager
def _timed(registry: Registry, asked: AbstractContextManager[Reply]) -> Iterator[Reply]:
    began, result = perf_counter(), "failed"
    try:
        with asked as reply:
            result = f"{reply.status // 100}xx"
            metrics.took("registry_upstream_seconds", perf_counter() - began, registry.host, result)
            yield reply
    finally:
        if result == "failed":
            metrics.took("registry_upstream_seconds", perf_counter() - began, registry.host, result)


def _require_kept_safe(registry: Registry, url: str) -> None:
    # Another host may keep the tarballs; it has to be one of the internet, and no weaker than the registry itself.
    if origin_of(url) != registry.origin and not url.startswith("https://"):
        raise UpstreamError(f"{registry.host} leads to another host without https")


def _headers(registry: Registry, url: str, headers: Mapping[str, str] | None) -> dict[str, str]:
    shown = registry.token and origin_of(url) == registry.origin
    return dict(headers or {}) | ({"Authorization": f"Bearer {registry.token}"} if shown else {})


def _require_online() -> None:
    if settings.UPSTREAM_OFFLINE:
        raise Offline("this registry works offline; its operators can bring it in with mirror_import")
