"""How many uploads one process takes at once: its other threads answer readers, and its spool holds so much at most."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from registry_site.errors import TooManyRequests, Unavailable

WAITING = 4  # uploads that wait for their turn, each with a thread
PATIENCE = 5.0  # seconds that one waits
RETRY_SECONDS = 10


class Gate:
    """Lets so many through at the same time."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside: Counter[str] = Counter()
        self._size = self._waiting = 0

    @property
    def size(self) -> int:
        """The bytes that those inside still may write."""
        return self._size

    @contextmanager
    def passing(self, caller: str, size: int, most: int, each: int, patience: float = PATIENCE) -> Iterator[None]:
        """Be inside for a while. caller: who uploads; size: bytes at most.

        most: uploads at the same time, of all; each: of one caller.

        Raises TooManyRequests when the caller has as many on the way as one may, Unavailable when all together have.
        """
        with self._changed:
            if not self._is_free(caller, most, each):
                self._wait(caller, most, each, patience)
            self._inside[caller] += 1
            self._size += size
        try:
            yield
        finally:
            with self._changed:
                self._inside[caller] -= 1
                self._inside += Counter()  # forgets those who have none left
                self._size -= size
                self._changed.notify_all()

    def _is_free(self, caller: str, most: int, each: int) -> bool:
        return self._inside[caller] < each and self._inside.total() < most

    def _wait(self, caller: str, most: int, each: int, patience: float) -> None:
        if self._waiting < WAITING:
            self._waiting += 1
            try:
                if self._changed.wait_for(lambda: self._is_free(caller, most, each), patience):
                    return
            finally:
                self._waiting -= 1
        if self._inside[caller] >= each:
            message = f"{each} uploads of yours are on the way, the most at once; try again when one is done"
            raise TooManyRequests(message, code="busy", seconds=RETRY_SECONDS)
        raise Unavailable("many uploads are on the way; try again in a moment", code="busy", seconds=RETRY_SECONDS)


uploads = Gate()
