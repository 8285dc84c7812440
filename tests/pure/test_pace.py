"""How slowly a client may send, as gunicorn's threads read it."""

from __future__ import annotations

import errno
import socket
from types import SimpleNamespace

import pytest

from registry_site import pace


class Line:
    """What gunicorn reads from; each piece comes after some seconds of a clock of its own."""

    def __init__(self, monkeypatch, *pieces: tuple[float, bytes | OSError]) -> None:
        self.pieces, self.now = list(pieces), 1000.0
        monkeypatch.setattr(pace.time, "monotonic", lambda: self.now)

    def chunk(self, *wanted: int) -> bytes:
        seconds, data = self.pieces.pop(0)
        self.now += seconds
        if isinstance(data, OSError):
            raise data
        return data


FAST = b"x" * pace.LEAST


def test_what_comes_fast_enough_is_read(monkeypatch):
    line = Line(monkeypatch, *[(1.0, FAST)] * 100)
    pace.Pace(line)
    assert sum(len(line.chunk(8192)) for _ in range(100)) == 100 * pace.LEAST


def test_a_request_may_take_its_time_at_first(monkeypatch):
    line = Line(monkeypatch, (0, b"PUT "), (pace.GRACE - 1, b"/npm/"))
    pace.Pace(line)
    assert line.chunk() + line.chunk() == b"PUT /npm/"


def test_what_trickles_is_cut(monkeypatch):
    line = Line(monkeypatch, *[(5.0, b"x")] * 20)
    pace.Pace(line)
    for _ in range(7):  # 30 seconds after the first
        line.chunk()
    with pytest.raises(ConnectionResetError):
        line.chunk()


def test_the_next_request_of_a_line_begins_anew(monkeypatch):
    line = Line(monkeypatch, (0, b"x"), (600.0, b"y"))
    found = pace.Pace(line)
    line.chunk()
    found.begin()  # somebody waited ten minutes between two requests
    assert line.chunk() == b"y"


def test_silence_is_the_kernels_to_notice(monkeypatch):
    line = Line(monkeypatch, (pace.SILENCE, BlockingIOError()))
    pace.Pace(line)
    with pytest.raises(ConnectionResetError):
        line.chunk()


def test_a_line_is_watched_once_and_its_socket_does_not_wait_for_ever():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        unreader = SimpleNamespace(chunk=lambda *wanted: b"")
        conn = SimpleNamespace(parser=SimpleNamespace(unreader=unreader), sock=ours)
        pace.keep(conn)
        watched = unreader.chunk
        pace.keep(conn)
        assert unreader.chunk == watched
        pace.hurry(SimpleNamespace(META={"gunicorn.socket": ours}), 1)
        ours.setblocking(True)
        with pytest.raises(BlockingIOError):
            ours.recv(1)


def test_a_client_that_takes_nothing_of_an_answer_loses_its_line(monkeypatch):
    monkeypatch.setattr(pace, "PATIENCE", 1)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        ours, _ = server.accept()
        with ours:
            pace.keep(SimpleNamespace(parser=SimpleNamespace(unreader=SimpleNamespace(chunk=None)), sock=ours))
            with pytest.raises(OSError) as refused:
                ours.sendall(b"x" * (64 << 20))
            assert refused.value.errno == errno.ETIMEDOUT
