"""Requests that two readers could take for two things: a running server answers them with an error and hangs up."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

HIDDEN = b"GET /npm/-/whoami HTTP/1.1\r\nHost: localhost\r\n\r\n"
ODD = {
    "a4 two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a4 two lengths in one": b"Content-Length: 2, 3\r\n\r\n{}",
    "a4 a negative length": b"Content-Length: -1\r\n\r\n{}",
    "a4 a length with a sign": b"Content-Length: +2\r\n\r\n{}",
    "a4 a length that is no number": b"Content-Length: 2x\r\n\r\n{}",
    "a4 a length in other digits": b"Content-Length: 0x2\r\n\r\n{}",
    "a4 a length and pieces": b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a4 pieces in an odd spelling": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a4 pieces twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a4 two hosts": b"Host: evil.example\r\nContent-Length: 2\r\n\r\n{}",
    "a blank before the colon": b"Content-Length : 2\r\n\r\n{}",
    "a folded line": b"X-A: b\r\n c\r\nContent-Length: 2\r\n\r\n{}",
    "a folded length": b"Content-Length: 0\r\n 45\r\n\r\n" + HIDDEN,
    "pieces in a folded line": b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a line end that is half one": b"X-A: b\rContent-Length: 2\r\n\r\n{}",
    "a NUL in a header": b"X-A: b\0c\r\nContent-Length: 2\r\n\r\n{}",
    "d1 a header of 20 kB": b"Authorization: Bearer " + b"a" * 20_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
    "e26 two hundred cookies": b"".join(b"Cookie: a%d=b\r\n" % n for n in range(200)) + b"Content-Length: 2\r\n\r\n{}",
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_what_can_be_read_in_two_ways_is_refused_and_nothing_behind_it_is_a_request(registry, name):
    answer = asked(registry, b"POST /npm/-/v1/login HTTP/1.1\r\nHost: localhost\r\n" + ODD[name])
    status = answer.split(b" ", 2)[1] if answer else b"400"
    assert status in (b"400", b"411", b"431", b"501"), answer[:300]
    assert answer.count(b"HTTP/1.1 ") <= 1, answer
    assert b"loginUrl" not in answer
    assert asked(registry, b"GET /npm/-/ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").endswith(b"{}")


def test_a6_what_follows_a_body_is_the_next_request_and_no_part_of_the_first(registry):
    first = b"POST /npm/-/nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
    last = b"GET /npm/-/ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = asked(registry, first + last)
    assert answer.count(b"HTTP/1.1 ") == 2
    assert answer.index(b"HTTP/1.1 404") < answer.index(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("line", "statuses"),
    [
        (b"GET http://evil.example/npm/-/ping HTTP/1.1", (b"200", b"400")),  # the Host is what counts
        (b"GET /npm/" + b"a" * 100_000 + b" HTTP/1.1", (b"400", b"414")),
        (b"GET  /npm/-/ping HTTP/1.1", (b"400", b"200")),
        (b"GET /npm/-/ping HTTP/1.9", (b"400", b"505", b"200")),
        (b"GET /npm/-/ping", (b"400",)),
        (b"G\x00T /npm/-/ping HTTP/1.1", (b"400",)),
        (b"PRI * HTTP/2.0", (b"400", b"505")),
    ],
)
def test_g12_odd_first_lines(registry, line, statuses):
    answer = asked(registry, line + b"\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert not answer or answer.split(b" ", 2)[1].partition(b"\r")[0] in statuses, answer[:300]
    assert b"evil.example" not in answer


def asked(registry, request: bytes) -> bytes:
    """Everything that the server says until it hangs up, or falls silent."""
    parts = urlsplit(registry.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as line:
        line.sendall(request)
        line.shutdown(socket.SHUT_WR)
        received = b""
        try:
            while piece := line.recv(65536):
                received += piece
        except (TimeoutError, ConnectionResetError):
            pass
    return received
