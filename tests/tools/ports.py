"""Loopback ports that nobody listens on."""

from __future__ import annotations

import socket


def free() -> int:
    """A port that was free a moment ago; whoever starts a server on it tries another when it lost the race."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
