"""Bytes that are sent again and again, kept in the memory of each serving process.

What is kept is never wrong, only unused: a key names the exact bytes, by the revision or digest that the database said
a moment ago, so that a change shows at the next request on every worker and host.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime

from cachetools import LRUCache
from django.conf import settings
from django.utils import timezone

LARGEST = 4  # a document takes at most one part in so many of the memory there is


@dataclass(frozen=True, slots=True)
class Ready:
    """A document, ready to be sent.

    body: compressed by gzip; etag: of the plain bytes, without quotes; until: when it is not to be sent any more.
    """

    etag: str
    body: bytes
    until: datetime | None = None


class _Shelf(LRUCache):
    def __init__(self, most: int) -> None:
        super().__init__(most, getsizeof=lambda ready: len(ready.body) + 500)


_shelf = _Shelf(settings.DOCUMENT_MEMORY_MB * 2**20)
_lock = threading.Lock()


def of(key: Hashable, make: Callable[[], Ready]) -> Ready:
    """What was kept under a key; else what `make` gives, which is kept."""
    ready = get(key)
    if ready is None:
        ready = make()
        put(key, ready)
    return ready


def get(key: Hashable) -> Ready | None:
    """What was kept under a key, None when it was not, or made room for something newer."""
    with _lock:
        found = _shelf.get(key)
    return None if found is not None and found.until and found.until <= timezone.now() else found


def put(key: Hashable, ready: Ready) -> None:
    """Keep a document for a while."""
    if len(ready.body) * LARGEST <= _shelf.maxsize:
        with _lock:
            _shelf[key] = ready


def clear() -> None:
    """Forget all, as a new process would have."""
    with _lock:
        _shelf.clear()
