"""Who downloaded a version, from a running registry: a real install is one, half a tarball is none."""

from __future__ import annotations

import random
import re
import socket
import struct
import time
from urllib.parse import urlsplit

import pytest

from tests.live import app, fetch, make, send
from tests.tools.payloads import publish_body

pytestmark = pytest.mark.protocol
LARGE = 8_000_000  # half of it is more than the system keeps on its way to a client that does not read


def said(person, name: str, least: int = 0) -> str:
    """The sentence of the recall page; it knows of a download about a second later."""
    last = time.monotonic() + 60
    while True:
        page = person.browser.get(f"/package/{name}/v/1.0.0/recall")
        assert page.status == 200, page.text
        sentence = re.search(r'<p class="quiet">([^<]*)', page.text)[1]
        count = re.search(r"with (\d+) token", sentence)
        if (int(count[1]) if count else 0) >= least or time.monotonic() > last:
            return sentence
        time.sleep(0.2)


def break_off(registry, path: str, token: str) -> None:
    """Ask for a tarball, read some of it, and hang up."""
    address = urlsplit(registry.registry)
    with socket.socket() as line:
        line.settimeout(60)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect((address.hostname, address.port))
        head = f"GET {address.path}{path} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n"
        line.sendall(head.encode())
        assert b"200 OK" in line.recv(1000)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_only_whole_tarballs_are_remembered(registry, join):
    alice = join("alice")
    name, large = f"@{alice.name}/kept", f"@{alice.name}/large"
    hers = alice.client()
    hers.run("publish", cwd=make(hers, name))
    noise = random.Random(1).randbytes(LARGE // 2).hex()
    send(alice, "PUT", large.replace("/", "%2f"), publish_body(large, "1.0.0", files={"noise.txt": noise}))
    link = f"{name}/-/kept-1.0.0.tgz"
    tag = fetch(registry, name, alice.token)[2]["ETag"]
    assert fetch(registry, name, alice.token, if_none_match=tag)[0] == 304
    assert fetch(registry, link, alice.token, "HEAD")[0] == 200
    break_off(registry, f"{large}/-/large-1.0.0.tgz", alice.token)
    time.sleep(2.5)
    for each in (name, large):
        assert "Nobody downloaded it here" in said(alice, each)
    elsewhere = alice.client()  # the one that published has the tarball in its cache
    elsewhere.run("install", name, cwd=app(elsewhere))
    assert "1 person downloaded it here in the last 90 days, with 1 token" in said(alice, name, 1)
    assert fetch(registry, f"{large}/-/large-1.0.0.tgz", alice.token)[0] == 200
    assert "1 person downloaded it here" in said(alice, large, 1)
