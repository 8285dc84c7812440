"""Lines to hosts that an operator chose: kept open between requests, each connected to a checked address only.

As `egress`, for answers that are large and many: what comes back is streamed, and nothing is followed.
"""

from __future__ import annotations

import http.client
import os
import socket
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

import urllib3.exceptions
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError
from urllib3.response import HTTPResponse

from registry_site import egress
from registry_site.egress import EgressError, Target

CHUNK = 64 * 1024
HOSTS, LINES = 16, 16  # kept open: hosts, and lines to each
READ_SECONDS = 30


class TooMuch(EgressError):
    """The answer is longer than was agreed to."""


@dataclass
class Reply:
    """An answer whose body was not read yet. headers: in lower case; length: of the body as it was announced."""

    status: int
    headers: dict[str, str]
    length: int | None
    _response: HTTPResponse
    _target: Target
    _ends: float
    _most: int

    def chunks(self) -> Iterator[bytes]:
        """The body as it was sent, unpacked when it came compressed.

        Raises TooMuch, and EgressError when it breaks off or takes too long.
        """
        taken = 0
        for chunk in self._unpacked():
            taken += len(chunk)
            if taken > self._most:
                raise TooMuch(f"{self._target.host} sent more than {self._most // 2**20} MB")
            yield chunk

    def body(self) -> bytes:
        """The whole body. Raises as `chunks`."""
        return b"".join(self.chunks())

    def _unpacked(self) -> Iterator[bytes]:
        if self.headers.get("content-encoding", "") not in ("gzip", "x-gzip"):
            yield from self._raw()
            return
        unpacker = zlib.decompressobj(wbits=31)
        try:
            for chunk in self._raw():
                while chunk:  # a little that unpacks to very much comes out in pieces
                    yield unpacker.decompress(chunk, CHUNK)
                    chunk = unpacker.unconsumed_tail
            yield unpacker.flush()
        except zlib.error as error:
            raise EgressError(f"{self._target.host} did not answer as a web server does") from error
        if not unpacker.eof:
            raise EgressError(f"{self._target.host} broke off")

    def _raw(self) -> Iterator[bytes]:
        taken = 0
        try:
            while chunk := self._response.read1(CHUNK, decode_content=False):
                taken += len(chunk)
                if time.monotonic() >= self._ends:
                    raise TimeoutError
                yield chunk
        except (OSError, ValueError, urllib3.exceptions.HTTPError, http.client.HTTPException) as error:
            raise EgressError(_told(self._target, self._ends, error)) from error
        if self.length is not None and taken != self.length:
            raise EgressError(f"{self._target.host} broke off")


@contextmanager
def ask(
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    *,
    most: int,
    seconds: float,
) -> Iterator[Reply]:
    """Send a request; gives the answer with its body still to be read, whatever the status.

    most: bytes of the body, unpacked. seconds: for all of it. Plain http only inside `EGRESS_ALLOWED_NETWORKS`.
    Raises EgressError. Never call it inside a transaction.
    """
    target = egress.parse(url)
    ends = time.monotonic() + seconds
    sent = {"User-Agent": "npm-registry", "Accept-Encoding": "gzip", **(headers or {})}
    limits = Timeout(connect=egress.CONNECT_SECONDS, read=min(READ_SECONDS, seconds))
    send = partial(_manager().urlopen, redirect=False, retries=False, preload_content=False, timeout=limits)
    try:
        try:
            response = send(method, url, body=body, headers=sent)
        except urllib3.exceptions.ProtocolError:  # a line that the other side had just closed; a new one tells
            response = send(method, url, body=body, headers=sent)
    except EgressError:
        raise
    except (OSError, ValueError, urllib3.exceptions.HTTPError, http.client.HTTPException) as error:
        raise EgressError(_told(target, ends, error)) from error
    # The socket's own limit is for each read; an answer of one byte a second would outlast it for ever.
    alarm = threading.Timer(max(0.0, ends - time.monotonic()), partial(_cut, response))
    alarm.start()
    found = {name.lower(): text for name, text in response.headers.items()}
    length = found.get("content-length", "")
    is_whole = False
    try:
        announced = int(length) if length.isascii() and length.isdigit() and method != "HEAD" else None
        yield Reply(response.status, found, announced, response, target, ends, most)
        is_whole = True
    finally:
        alarm.cancel()
        if is_whole and response._fp is not None and not response.closed:
            _finish(response)
        else:
            response.close()
        response.release_conn()


def hang_up() -> None:
    """Close all lines, as a process that was forked has to, and a test whose host went away."""
    global _lines
    with _lock:
        if _lines is not None and _lines[0] == os.getpid():
            _lines[1].clear()
        _lines = None


def _finish(response: HTTPResponse) -> None:
    # A line can be used again only when nothing is left in it; a long rest costs more than a new line.
    try:
        left = response.read1(CHUNK, decode_content=False)
        if left and response.read1(CHUNK, decode_content=False):
            response.close()
    except (OSError, ValueError, urllib3.exceptions.HTTPError, http.client.HTTPException):
        response.close()


def _cut(response: HTTPResponse) -> None:
    connection = response.connection
    sock = getattr(connection, "sock", None)
    if sock is not None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _told(target: Target, ends: float, error: Exception) -> str:
    slow = isinstance(error, urllib3.exceptions.TimeoutError | TimeoutError) and not isinstance(
        error, NewConnectionError
    )
    late = slow or time.monotonic() >= ends
    return egress.told(target, "did not answer in time" if late else "", error)


def _connected(connection: HTTPConnection, scheme: str) -> socket.socket:
    target = Target(scheme, connection._dns_host, connection.port, "/")
    addresses = egress.resolve(target)
    if scheme == "http" and not all(egress.is_allowed(address) for address in addresses):
        raise EgressError(f"{target.host} is refused: what it sends has to be believed, and http is not https")
    failure: OSError | None = None
    for address in addresses:
        try:
            return socket.create_connection((str(address), connection.port), connection.timeout)
        except OSError as error:
            failure = error
    raise NewConnectionError(connection, "cannot be reached") from failure


class _Plain(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connected(self, "http")


class _Secure(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connected(self, "https")


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


_lock = threading.Lock()
_lines: tuple[int, PoolManager] | None = None


def _manager() -> PoolManager:
    global _lines
    with _lock:
        if _lines is None or _lines[0] != os.getpid():
            made = PoolManager(num_pools=HOSTS, maxsize=LINES, block=False)
            made.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
            _lines = (os.getpid(), made)
        return _lines[1]
