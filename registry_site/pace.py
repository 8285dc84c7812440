"""How slowly a client may send and take: below that its line is closed, because whoever is slow holds a thread.

What comes is looked at where gunicorn reads it from the socket, so that it counts for headers and for bodies that
nobody wants. Clocks and sizes only; it knows no request.
"""

from __future__ import annotations

import errno
import socket
import struct
import time
from typing import Any

SILENCE = 30  # seconds without a byte
PATIENCE = 60  # seconds in which a client takes nothing of an answer; a proxy's usual limit
GRACE = 30  # seconds from the first byte of a request, in which it may come as it likes
LEAST = 32 * 1024  # bytes a second after that, on average


class Pace:
    """Reads what a gunicorn `unreader` reads, as long as it comes fast enough."""

    def __init__(self, unreader: Any) -> None:
        self._read = unreader.chunk
        unreader.chunk = self.read
        self.begin()

    def begin(self) -> None:
        """A request begins."""
        self._began: float | None = None
        self._taken = 0

    def read(self, *wanted: int) -> bytes:
        """The next bytes. Raises ConnectionResetError when they come too slowly, OSError as the socket does."""
        try:
            data = self._read(*wanted)
        except BlockingIOError as error:
            raise ConnectionResetError(errno.ECONNRESET, "nothing came for long") from error
        now = time.monotonic()
        self._began, self._taken = self._began or now, self._taken + len(data)
        late = now - self._began - GRACE
        if late > 0 and self._taken < late * LEAST:
            raise ConnectionResetError(errno.ECONNRESET, "it came too slowly")
        return data


def keep(conn: Any) -> None:
    """Watch over a new line of a gunicorn thread."""
    unreader = getattr(conn.parser, "unreader", None)
    if unreader is not None and not hasattr(conn, "pace"):
        conn.pace = Pace(unreader)
        _silence(conn.sock, SILENCE)
        _lose_patience(conn.sock, PATIENCE)


def begin(conn: Any) -> None:
    """A line that was used before has its next request."""
    if (found := getattr(conn, "pace", None)) is not None:
        found.begin()


def hurry(request: Any, seconds: int = SILENCE) -> None:
    """Wait no longer than this for the next bytes of a body that nobody wants; as ever when nothing is said."""
    sock = request.META.get("gunicorn.socket")
    if isinstance(sock, socket.socket):
        _silence(sock, seconds)


def _silence(sock: socket.socket, seconds: int) -> None:
    # Of the kernel's: gunicorn makes the socket blocking anew for each request, which forgets Python's own timeout.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", seconds, 0))


def _lose_patience(sock: socket.socket, seconds: int) -> None:
    # The kernel closes the line then, whoever writes to it; Python's own timeout knows neither sendfile nor gunicorn.
    if sock.family != socket.AF_UNIX and hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, seconds * 1000)
