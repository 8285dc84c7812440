"""Lines that stay open: more of them than threads, and none waits for another."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

LINES = 80  # two workers have 32 threads


def _line(registry) -> http.client.HTTPConnection:
    parts = urlsplit(registry.url)
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)


def _ask(line: http.client.HTTPConnection) -> bytes:
    line.request("GET", "/npm/-/ping")
    answer = line.getresponse()
    assert answer.status == 200
    return answer.read()


def test_more_open_lines_than_threads_are_all_answered_again_and_again(registry):
    lines = [_line(registry) for _ in range(LINES)]
    try:
        for _ in range(3):
            assert {_ask(line) for line in lines} == {b"{}"}
        assert all(line.sock is not None for line in lines), "none was closed"
    finally:
        for line in lines:
            line.close()


def test_requests_that_are_sent_ahead_are_answered_in_their_order(registry):
    line = _line(registry)
    line.connect()
    try:
        ask = "GET /npm/{} HTTP/1.1\r\nHost: {}\r\n\r\n"
        host = urlsplit(registry.url).netloc
        line.sock.sendall((ask.format("-/ping", host) + ask.format("no-such-package", host)).encode())
        received = b""
        while received.count(b"HTTP/1.1 ") < 2 or not received.rstrip().endswith(b"}"):
            received += line.sock.recv(65536)
    finally:
        line.close()
    assert received.index(b"HTTP/1.1 200") < received.index(b"HTTP/1.1 404")
