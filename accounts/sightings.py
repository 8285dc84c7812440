"""What a Connect page waits for: a request of its person's client, or one without a good token from its address.

Who waits stands in the shared cache for a few minutes, and each serving process reads that every few seconds. An
ordinary request pays a look into a small set; only what somebody waits for is written down, and forgotten again.
"""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from django.core.cache import cache  # shared by all workers; forgets by itself

from accounts.actor import Actor

WAIT_SECONDS = 300
REFRESH_SECONDS = 2.0
MOST = 500  # who waits at the same time
_WAITING = "connect:waiting"
_MAX_AGENT = 200


class Outcome(enum.StrEnum):
    TOKEN = "token"  # noqa: S105 - a word
    NONE = "none"
    REFUSED = "refused"


@dataclass(frozen=True)
class Sighting:
    """A request that was waited for. at: seconds, as `time.time` counts them."""

    at: float
    outcome: Outcome
    agent: str


class _Watch:
    """What this process knows of who waits."""

    def __init__(self) -> None:
        self.keys: frozenset[str] = frozenset()
        self._next = 0.0
        self._reading = threading.Lock()
        self._runs = False

    def start(self) -> None:
        self._runs = True

    def stop(self) -> None:
        self._runs, self.keys, self._next = False, frozenset(), 0.0

    def wanted(self, keys: Iterable[str]) -> list[str]:
        if self._runs and time.monotonic() >= self._next and self._reading.acquire(blocking=False):
            try:
                self._next = time.monotonic() + REFRESH_SECONDS
                self.keys = frozenset(_waiting())
            finally:
                self._reading.release()
        return [key for key in keys if key in self.keys] if self.keys else []


watch = _Watch()


def saw(user_id: int | None, address: str | None, agent: str, outcome: Outcome) -> None:
    """Note a request that reached the registry, where somebody waits for it.

    user_id: of its token's person. A request without a good one is known by its address alone.
    """
    key = f"user:{user_id}" if outcome == Outcome.TOKEN else f"address:{address}"
    for wanted in watch.wanted([key]):
        cache.set(_seen(wanted), (time.time(), str(outcome), agent[:_MAX_AGENT]), WAIT_SECONDS)


def wait(actor: Actor) -> None:
    """Wait for the actor's client from now on, for `WAIT_SECONDS`; said again, it waits on."""
    now = time.time()
    waiting = _waiting()
    keys = _keys(actor)
    if all(waiting.get(key, 0.0) > now + WAIT_SECONDS / 2 for key in keys):
        return
    waiting |= dict.fromkeys(keys, now + WAIT_SECONDS)
    kept = sorted(waiting.items(), key=lambda each: each[1])[-MOST:]
    cache.set(_WAITING, dict(kept), WAIT_SECONDS)


def latest(actor: Actor, since: float) -> Sighting | None:
    """What arrived since a moment: with a token of the actor's person, else without a good one from its address."""
    found = cache.get_many([_seen(key) for key in _keys(actor)])
    seen = [Sighting(at, Outcome(outcome), agent) for at, outcome, agent in found.values() if at >= since]
    return min(seen, key=lambda each: (each.outcome != Outcome.TOKEN, -each.at), default=None)


def _waiting() -> dict[str, float]:
    now = time.time()
    return {key: until for key, until in (cache.get(_WAITING) or {}).items() if until > now}


def _keys(actor: Actor) -> list[str]:
    keys = [f"address:{actor.address}"] if actor.address else []
    return [*keys, f"user:{actor.user.pk}"] if actor.user else keys


def _seen(key: str) -> str:
    return f"connect:seen:{key}"
