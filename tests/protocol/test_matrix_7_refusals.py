"""A publish that is refused: every client ends with an error and, where it shows it, says the registry's reason."""

from __future__ import annotations

import json
import random
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest

from accounts.endpoint import refused as answer_to
from registry_site.errors import Conflict, Invalid, TooManyRequests, Unavailable
from tests.protocol.matrix import Cast, Terminal, row
from tests.tools.server import Registry
from tests.tools.visitor import sign_up

GROUP = "A refused publish: the client fails, and says why"
MISTAKE = "the registry failed; try again, and tell its operator the request id"  # errorpages.py says it
ONCE = {"npm_config_fetch_retries": "0"}
WHY = {  # what the product says with these statuses is said by a stand-in, which says it every time
    409: Conflict("it changed meanwhile; run the command again"),
    422: Invalid("the description is over 64 kB", code="description"),
    429: TooManyRequests("too many publishes; try again in a minute"),
    503: Unavailable("the registry cannot reach its database; try again"),
}


class _Refuser(BaseHTTPRequestHandler):
    """Answers a publish to /STATUS/ as the product would with that status; nothing is published there."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if "write=true" in self.path:  # npm 9 and older read it after a 409, put their version in and send it again
            name = unquote(self.path.split("/")[2].partition("?")[0])
            known = {"_id": name, "_rev": "2-abc", "name": name, "versions": {}, "dist-tags": {}, "time": {}}
            return self._send(200, json.dumps(known | {"maintainers": [], "_attachments": {}}).encode())
        return self._send(404, b'{"error": "Not found", "message": "Not found", "code": "not_found"}')

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status = int(self.path.split("/")[1])
        if status == 500:
            self._send(500, json.dumps({"error": MISTAKE, "message": MISTAKE}).encode())
        else:
            self._send(status, answer_to(WHY[status]).content)

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="session")
def refuser():
    """`refuser(409)` is the address of a registry that refuses each publish with this status."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Refuser)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield lambda status: f"http://127.0.0.1:{server.server_port}/{status}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def strict(tmp_path_factory):
    """A registry with small tarballs and private packages for subscribers only."""
    with Registry({"RATE_LIMITS": "off", "MAX_TARBALL_MB": "1", "PRIVATE_PACKAGES": "subscribers"}) as running:
        yield Cast(running, lambda name: sign_up(running, f"{name}-s", tmp_path_factory.mktemp(name)))


@row("401: a token that was revoked")
def test_401(terminal, cast):
    mine = terminal()
    mine.client.login_token("npm_" + "x" * 48)
    _fails(mine, mine.package(cast.name()), "this token is not known here")


@row("402: private packages need a plan")
def test_402(terminal, strict):
    mine = terminal(strict.alice)
    _fails(mine, mine.package(strict.name()), "private packages")


@row("403: somebody else's package")
def test_403(terminal, cast):
    name = cast.seed(cast.name(), access="public")
    mine = terminal(cast.carol)
    _fails(mine, mine.package(name, "1.1.0"), "you may not publish")


@row("404: a scope that nobody holds")
def test_404(terminal, cast):
    mine = terminal(cast.alice)
    _fails(mine, mine.package(cast.name(scope="nobody-holds-this")), "nobody-holds-this")


@row("413: a tarball that is too large")
def test_413(terminal, strict):
    mine = terminal(strict.alice)
    noise = {"noise.bin": random.Random(1).randbytes(3 << 20)}
    _fails(mine, mine.package(strict.name(scope=""), files=noise), "1 MB")


@row("409: it changed meanwhile")
def test_409(terminal, cast, refuser):
    _refused_with(409, terminal, cast, refuser)


@row("422: a rule is broken")
def test_422(terminal, cast, refuser):
    _refused_with(422, terminal, cast, refuser)


@row("429: too many requests")
def test_429(terminal, cast, refuser):
    _refused_with(429, terminal, cast, refuser)


@row("500: a mistake of the registry's")
def test_500(terminal, cast, refuser):
    _refused_with(500, terminal, cast, refuser)


@row("503: no database")
def test_503(terminal, cast, refuser):
    _refused_with(503, terminal, cast, refuser)


def _refused_with(status: int, terminal, cast: Cast, refuser) -> None:
    mine = terminal(cast.alice, at=refuser(status))
    _fails(mine, mine.package(cast.name()), WHY[status].message if status in WHY else MISTAKE)


def _fails(mine: Terminal, folder, says: str) -> None:
    if mine.kind == ("yarn", 4):
        mine("install", cwd=folder)
    refused = mine("publish", cwd=folder, check=False, env=ONCE)
    assert refused.code != 0, f"it ended with 0\n{refused.said}"
    words = re.sub(r"[\s│]+", " ", re.sub(r"\x1b\[[0-9;]*m", "", refused.said))  # pnpm breaks lines
    assert says in words or json.dumps(says)[1:-1] in words, words
