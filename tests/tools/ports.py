"""Loopback ports that nobody listens on."""

from __future__ import annotations

import itertools
import os
import socket

FIRST, COUNT = 20_000, 12_000  # below those that systems give to connections that go out
_next = itertools.count(os.getpid() * 127)  # each process begins elsewhere, and takes none twice


def free() -> int:
    """A port that was free a moment ago; whoever starts a server on it tries another when it lost the race."""
    for number in itertools.islice(_next, COUNT):
        port = FIRST + number % COUNT
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: one that ended is no bar
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port on loopback is free")
