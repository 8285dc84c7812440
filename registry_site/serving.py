"""The gunicorn worker of this registry: gthread's, with less of it between two requests of one client."""

from __future__ import annotations

import ctypes
import errno
import functools
import select
import threading
import time
from concurrent import futures
from typing import Any

from gunicorn.config import Config
from gunicorn.http.errors import InvalidHeader
from gunicorn.workers.gthread import TConn, ThreadWorker

from registry_site import pace

# npm asks for the next packument some milliseconds after the last; then its line goes back to the poller.
LINGER_MILLISECONDS = 50
FULL_SECONDS = 0.1
LOOK_MILLISECONDS = 5  # so often a thread that waits looks whether another line is in want of it


# Of glibc's mallopt: how many heaps threads may have, and from which size on a block is given back when it is freed.
ARENA_MAX, MMAP_THRESHOLD = -8, -3
ARENAS, LARGE = 2, 256 * 1024


class Worker(ThreadWorker):
    """gthread, whose threads wait a moment for the next request of a line before they give it back.

    Giving a line back to the main thread's poller and getting it again costs more than answering a small request. Half
    of the threads never wait like that, and none does while a line is in want of one.
    """

    tpool: futures.ThreadPoolExecutor

    def init_process(self) -> None:
        _spare_memory()
        self.cfg = _Read(self.cfg)
        self._seats = threading.Semaphore(max(1, self.cfg.threads // 2))
        super().init_process()

    def enqueue_req(self, conn: TConn) -> None:
        """Hand a line to a thread; a new one reads at a pace from its first byte on."""
        if not conn.initialized:
            conn.init = functools.partial(_begin, conn, conn.init)
        super().enqueue_req(conn)

    def accept(self, listener: Any) -> None:
        """Take a line. A process that may open no more files lets it wait, and does not end over it."""
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            time.sleep(FULL_SECONDS)

    def handle(self, conn: TConn) -> Any:
        """Answer a request of a line, and those that follow at once; gives what `gthread` says of the last."""
        pace.begin(conn)
        again = super().handle(conn)
        if again is not True or conn.is_http2 or not self._seats.acquire(blocking=False):
            return again
        try:
            return self._linger(conn)
        finally:
            self._seats.release()

    def handle_request(self, req: Any, conn: TConn) -> Any:
        """Answer a request, unless it goes on with a header in a second line: proxies take that for two things."""
        if not all(name for name, _ in req.headers):  # so the parser gives the second line
            raise InvalidHeader("folded")
        try:
            return super().handle_request(req, conn)
        except TimeoutError as error:  # the kernel's, of a client that took nothing: no fault of ours to be logged
            raise ConnectionResetError(errno.ECONNRESET, "nothing was taken for long") from error

    def _linger(self, conn: TConn) -> Any:
        again: Any = True
        waiting = select.poll()
        waiting.register(conn.sock, select.POLLIN)
        left = LINGER_MILLISECONDS
        while again is True and left > 0 and self.alive and self.tpool._work_queue.empty():
            if conn.parser.unreader.buf.getvalue() or waiting.poll(LOOK_MILLISECONDS):
                pace.begin(conn)
                again, left = super().handle(conn), LINGER_MILLISECONDS
            else:
                left -= LOOK_MILLISECONDS
        return again


def _begin(conn: TConn, init: Any) -> None:
    init()
    pace.keep(conn)


def _spare_memory() -> None:
    # Else each thread has a heap of its own, and a document that was read once stays in it for ever.
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return
    mallopt(ARENA_MAX, ARENAS)
    mallopt(MMAP_THRESHOLD, LARGE)


class _Read:
    """gunicorn's settings, each looked up once: it asks for twenty of them for each request."""

    def __init__(self, config: Config) -> None:
        self._config = config
        vars(self).update({name: setting.get() for name, setting in config.settings.items()})
        self.is_ssl, self.sendfile = config.is_ssl, config.sendfile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._config, name)
