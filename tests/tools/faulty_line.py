"""A line between two programs that can be slow, cut, reset or swallow everything: a TCP proxy on loopback.

with Line(port_of_the_store) as line:
    ...  # whatever connects to line.port
    line.swallow()
    line.heal()
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import deque
from contextlib import suppress
from typing import NamedTuple

PIECE = 64 * 1024


class _Fault(NamedTuple):
    how: str  # cut, reset
    after: int  # bytes of what the far end says


class Line:
    """Passes everything on to a port of this machine until it is told otherwise, for `with`.

    port: to connect to. connections: how many came so far.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.connections = 0
        self.seconds = 0.0  # that each piece of an answer waits
        self._open = threading.Event()  # not set: nothing passes, in either direction, and nobody is told
        self._open.set()
        self._refuses = False
        self._next: deque[_Fault] = deque()
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._ended = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, after: int = 0, times: int = 1) -> None:
        """The next answers break off after so many bytes; the connection is closed as if that was all."""
        self._next.extend([_Fault("cut", after)] * times)

    def reset(self, after: int = 0, times: int = 1) -> None:
        """The same, and the connection is reset."""
        self._next.extend([_Fault("reset", after)] * times)

    def swallow(self) -> None:
        """From now on nothing passes, of open connections and new ones, and none is closed."""
        self._open.clear()

    def refuse(self) -> None:
        """From now on no new connection is taken, and those that are open are reset."""
        self._refuses = True
        self.break_off()

    def slow(self, seconds: float) -> None:
        """From now on each piece of an answer waits so long."""
        self.seconds = seconds

    def heal(self) -> None:
        """Everything passes again."""
        self._next.clear()
        self._refuses, self.seconds = False, 0.0
        self._open.set()

    def break_off(self) -> None:
        """Reset what is open now."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            self._end(pair, hard=True)

    def stop(self) -> None:
        self._ended = True
        self._open.set()
        with suppress(OSError):  # wakes the thread that accepts
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.break_off()

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *reason: object) -> None:
        self.stop()

    def _accept(self) -> None:
        while not self._ended:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._begin, args=(near,), daemon=True).start()

    def _begin(self, near: socket.socket) -> None:
        self._open.wait()
        if self._refuses or self._ended:
            _close(near, hard=True)
            return
        try:
            far = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            _close(near, hard=True)
            return
        pair = (near, far)
        with self._lock:
            self._pairs.add(pair)
        for each in pair:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        fault: list[_Fault] = []
        threading.Thread(target=self._ask, args=(pair, fault), daemon=True).start()
        self._answer(pair, fault)

    def _ask(self, pair: tuple[socket.socket, socket.socket], fault: list[_Fault]) -> None:
        near, far = pair
        with suppress(OSError):
            while piece := near.recv(PIECE):
                self._open.wait()
                if not fault:
                    with suppress(IndexError):
                        fault.append(self._next.popleft())
                far.sendall(piece)
            far.shutdown(socket.SHUT_WR)
            return
        self._end(pair)

    def _answer(self, pair: tuple[socket.socket, socket.socket], fault: list[_Fault]) -> None:
        near, far = pair
        said = 0
        with suppress(OSError):
            while piece := far.recv(PIECE):
                if self.seconds:
                    time.sleep(self.seconds)
                self._open.wait()
                if fault and said + len(piece) > fault[0].after:
                    near.sendall(piece[: fault[0].after - said])
                    self._end(pair, hard=fault[0].how == "reset")
                    return
                if fault:
                    said += len(piece)
                near.sendall(piece)
        self._end(pair)

    def _end(self, pair: tuple[socket.socket, socket.socket], *, hard: bool = False) -> None:
        with self._lock:
            if pair not in self._pairs:
                return
            self._pairs.discard(pair)
        for each in pair:
            _close(each, hard=hard)


def _close(end: socket.socket, *, hard: bool) -> None:
    with suppress(OSError):
        if hard:
            end.shutdown(socket.SHUT_RD)  # wakes the thread that reads, which keeps it open
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            end.shutdown(socket.SHUT_RDWR)
    end.close()
