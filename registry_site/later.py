"""What may wait is kept in memory and written by a thread of its own: no answer waits for the database.

A process that is killed loses what it kept since the last writing; one that is stopped writes first.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from django.db import DatabaseError, InterfaceError, close_old_connections

from registry_site import metrics

logger = logging.getLogger(__name__)

SECONDS = 1.0

Key = TypeVar("Key")
Row = TypeVar("Row")


class Later(Generic[Key, Row]):
    """Rows of one process that are not written yet, one for each key: the newest, or what `merge` makes of all."""

    every: list[Later] = []

    def __init__(
        self,
        name: str,
        write: Callable[[dict[Key, Row]], None],
        *,
        most: int,
        merge: Callable[[Row, Row], Row] = lambda older, newer: newer,
    ) -> None:
        """write: puts rows into the database, all or none of them, in one transaction.

        most: how many wait; while the database is away, more are dropped.
        """
        self.name, self._write, self._most, self._merge = name, write, most, merge
        self._waiting: dict[Key, Row] = {}
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        Later.every.append(self)

    def keep(self, key: Key, row: Row) -> None:
        """Write this row later, together with one of the same key that still waits."""
        with self._lock:
            self._add(key, row)
        writer.wake()

    def write(self) -> None:
        """Write what waits. Raises DatabaseError, and keeps the rows for the next time."""
        with self._writing:
            with self._lock:
                taken, self._waiting = self._waiting, {}
            if not taken:
                return
            try:
                self._write(taken)
            except BaseException:
                with self._lock:
                    newer, self._waiting = self._waiting, taken
                    for key, row in newer.items():
                        self._add(key, row)
                raise

    @property
    def size(self) -> int:
        """How many rows wait."""
        return len(self._waiting)

    def clear(self) -> None:
        """Forget what waits."""
        with self._lock:
            self._waiting.clear()

    def _add(self, key: Key, row: Row) -> None:
        if key in self._waiting:
            self._waiting[key] = self._merge(self._waiting[key], row)
        elif len(self._waiting) < self._most:
            self._waiting[key] = row


class Writer:
    """The thread that writes what waits, in processes that serve."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._runs = False

    def start(self) -> None:
        """Write every second from now on, and when the process ends."""
        if not self._runs:
            self._runs = True
            atexit.register(self.stop)

    def wake(self) -> None:
        """Make sure that the thread runs; a thread does not live on in a process that was forked."""
        if not self._runs or self._stop.is_set() or (self._thread is not None and self._thread.is_alive()):
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="later", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Write for the last time; the process ends."""
        self._stop.set()
        self._write()

    def _run(self) -> None:
        while not self._stop.wait(SECONDS):
            self._write()
            for each in Later.every:
                metrics.waiting(each.name, each.size)

    def _write(self) -> None:
        for each in Later.every:
            try:
                close_old_connections()
                each.write()
            except (DatabaseError, InterfaceError):
                logger.warning("some %s could not be written; they wait", each.name, exc_info=True)
            finally:
                close_old_connections()


writer = Writer()
