"""A server on loopback that webhooks are sent to, and the receivers that the documentation shows, run as they stand."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.tools.clients import node_bin

DOCS = Path(__file__).resolve().parents[2] / "docs" / "webhooks.md"
SECONDS = 30


class Receiver(ThreadingHTTPServer):
    """`got` is what it was sent, headers in lower case; `status` and `says` are what it answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status, self.says = 200, b""
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(({name.lower(): text for name, text in self.headers.items()}, body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.says)))
        self.end_headers()
        self.wfile.write(self.server.says)

    def log_message(self, *words) -> None:
        pass


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that takes everything."""
    server = Receiver()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class Documented:
    """A receiver of the documentation as a process. `url` is its address, `said` what it printed so far."""

    def __init__(self, process: subprocess.Popen, url: str) -> None:
        self.process, self.url = process, url
        self.said: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def line(self, number: int) -> str:
        """The line of this number, when it came. Raises TimeoutError."""
        until = time.monotonic() + SECONDS
        while len(self.said) <= number:
            if time.monotonic() > until:
                raise TimeoutError(self.said)
            time.sleep(0.02)
        return self.said[number]

    def _read(self) -> None:
        for line in self.process.stdout:
            self.said.append(line.strip())


@contextmanager
def documented(language: str, secret: str) -> Iterator[Documented]:
    """The receiver that the documentation shows in `python` or `js`."""
    (code,) = re.findall(rf"^```{language}\n(.*?)^```$", DOCS.read_text(), re.DOTALL | re.MULTILINE)
    port = _free_port()
    environ = os.environ | {"PORT": str(port), "WEBHOOK_SECRET": secret}
    process = subprocess.Popen(
        [sys.executable if language == "python" else str(node_bin(24)), "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environ,
    )
    try:
        process.stdin.write(code)
        process.stdin.close()
        _wait(process, port)
        yield Documented(process, f"http://127.0.0.1:{port}/hook")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def _wait(process: subprocess.Popen, port: int) -> None:
    until = time.monotonic() + SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.05)
