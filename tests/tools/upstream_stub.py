"""An upstream registry that does as it is told: packages, an answer of its own for any path, a list of what was asked.

stub.publish("left-pad", "1.3.0")
stub.fault("/left-pad/-/left-pad-1.3.0.tgz", cut=100)
assert [each.path for each in stub.requests] == ["/left-pad", "/left-pad/-/left-pad-1.3.0.tgz"]
"""

from __future__ import annotations

import base64
import copy
import gzip
import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.tools import payloads

SHORT = "application/vnd.npm.install-v1+json"
IN_SHORT = """name version deprecated dependencies optionalDependencies devDependencies bundleDependencies
    peerDependencies peerDependenciesMeta bin directories dist engines _hasShrinkwrap hasInstallScript cpu os libc
    funding""".split()
JSON = "application/json"
CHUNK = 1 << 16


@dataclass(frozen=True)
class Asked:
    """One request as it came. path: decoded, without the query; raw: as it was sent; headers: names in lower case."""

    method: str
    path: str
    raw: str
    headers: dict[str, str]
    body: bytes

    def holds(self, text: str) -> bool:
        """Whether the text stands anywhere in it, also in a zipped body."""
        body = gzip.decompress(self.body) if self.body[:2] == b"\x1f\x8b" else self.body
        everything = f"{self.raw} {unquote(self.raw)} {self.headers} {body.decode(errors='replace')}"
        return text.lower() in everything.lower()


@dataclass
class Fault:
    """What goes wrong with a path; what is left out goes right.

    status, body, headers: said instead of the right ones. delay: seconds before the answer. gate: wait until it is set.
    cut: end the connection after so many bytes of the body. length: the Content-Length that is said.
    drip: seconds between single bytes. huge: so many bytes, whatever the body is. times: how often; None for ever.
    """

    status: int | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0
    gate: threading.Event | None = None
    cut: int | None = None
    length: int | None = None
    drip: float = 0
    huge: int = 0
    times: int | None = None

    @property
    def spoils(self) -> bool:
        """Whether it is about the body."""
        return self.body is not None or self.cut is not None or self.length is not None or bool(self.drip or self.huge)


@dataclass(frozen=True)
class _Answer:
    status: int
    body: bytes
    headers: dict[str, str]


class UpstreamStub:
    """A registry on a free loopback port, for `with`. host: under which name its links lead to it."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self.port = 0
        self.requests: list[Asked] = []
        self.advisories: dict[str, list[dict[str, Any]]] = {}
        self.keys: list[dict[str, Any]] = []
        self.documents: dict[str, dict[str, Any]] = {}
        self._tarballs: dict[str, bytes | Path] = {}
        self._faults: dict[str, Fault] = {}
        self._made: dict[tuple[str, bool, bool], tuple[bytes, str]] = {}
        self._server: _Server | None = None
        self._lock = threading.Lock()
        self.start()

    @property
    def url(self) -> str:
        """Its address, without a last slash."""
        return f"http://{self.host}:{self.port}"

    # --- what it has -------------------------------------------------------------------------------------------------

    @property
    def environ(self) -> dict[str, str]:
        """The settings of a registry that mirrors it."""
        return {"UPSTREAM_URL": self.url, "EGRESS_ALLOWED_NETWORKS": "127.0.0.0/8"}

    def publish(
        self,
        name: str,
        version: str = "1.0.0",
        files: dict[str, str] | None = None,
        *,
        tag: str | None = "latest",
        at: datetime | None = None,
        packed: bytes | None = None,
        **manifest: Any,
    ) -> bytes:
        """List a version with a real tarball, which is given back.

        at: when it was published, now by default. tag: None to move none. packed: the tarball to have.
        manifest: more of the package.json.
        """
        said = {"name": name, "version": version, **manifest}
        data = payloads.tarball(said, files) if packed is None else packed
        path = f"/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
        dist = {"integrity": integrity(data), "shasum": hashlib.sha1(data).hexdigest(), "tarball": self.url + path}
        when = (at or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._tarballs[path] = data
        with self._lock:
            document = self.documents.setdefault(
                name,
                {"_id": name, "_rev": "1-0", "name": name, "dist-tags": {}, "versions": {}, "time": {"created": when}},
            )
            document["versions"][version] = {**said, "_id": f"{name}@{version}", "dist": dist}
            document["time"] |= {version: when, "modified": when}
            document |= {key: said[key] for key in ("description", "keywords", "license", "readme") if key in said}
            if tag:
                document["dist-tags"][tag] = version
            self._forget(name)
        return data

    def remove(self, name: str, version: str | None = None) -> None:
        """Take a version away, or all of the package; its tarballs too. `latest` moves to the last one left."""
        with self._lock:
            document = self.documents[name]
            for number in [version] if version else list(document["versions"]):
                self._tarballs.pop(f"/{name}/-/{name.rpartition('/')[2]}-{number}.tgz", None)
                del document["versions"][number]
            document["dist-tags"] = {tag: to for tag, to in document["dist-tags"].items() if to in document["versions"]}
            if document["versions"]:
                document["dist-tags"].setdefault("latest", list(document["versions"])[-1])
            else:
                del self.documents[name]
            self._forget(name)

    def edit(self, name: str, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the packument in place: `change` gets it. For another name, a lost integrity, an http link..."""
        with self._lock:
            change(self.documents[name])
            self._forget(name)

    def document(self, name: str) -> dict[str, Any]:
        """A copy of the packument, to `put` back later."""
        return copy.deepcopy(self.documents[name])

    def put(self, name: str, document: dict[str, Any], tarballs: Mapping[str, bytes | Path] | None = None) -> None:
        """Have this packument. tarballs: by file name (`left-pad-1.3.0.tgz`); with them, its links lead here."""
        with self._lock:
            for file, data in (tarballs or {}).items():
                self._tarballs[f"/{name}/-/{file}"] = data
            for manifest in document["versions"].values() if tarballs is not None else ():
                file = manifest["dist"]["tarball"].rpartition("/")[2]
                manifest["dist"]["tarball"] = f"{self.url}/{name}/-/{file}"
            self.documents[name] = document
            self._forget(name)

    def tarball(self, path: str) -> bytes:
        """The bytes behind a path."""
        found = self._tarballs[path]
        return found.read_bytes() if isinstance(found, Path) else found

    # --- what goes wrong, and what was asked -------------------------------------------------------------------------

    def fault(self, path: str, **what: Any) -> Fault:
        """From now on answer this path (decoded, without a query; `*` is every path) with a Fault."""
        self._faults[path] = Fault(**what)
        return self._faults[path]

    def heal(self, path: str | None = None) -> None:
        """Answer rightly again: this path, or every one."""
        for each in [path] if path else list(self._faults):
            if (found := self._faults.pop(each, None)) and found.gate:
                found.gate.set()

    def asked(self, path: str, method: str = "GET") -> list[Asked]:
        """The requests for a path (decoded, without a query)."""
        return [each for each in self.requests if (each.method, each.path) == (method, path)]

    def heard(self, text: str) -> list[Asked]:
        """The requests in which the text stands, in the address, a header or the body."""
        return [each for each in self.requests if each.holds(text)]

    # --- its life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Listen; again on the port it had."""
        self._server = _Server(("127.0.0.1", self.port), self)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Refuse every connection and end those that are open. Stopping twice does nothing."""
        server, self._server = self._server, None
        for each in self._faults.values():
            if each.gate:
                each.gate.set()
        if server is not None:
            server.shutdown()
            server.server_close()
            server.end_all()

    def __enter__(self) -> UpstreamStub:
        return self

    def __exit__(self, *reason: object) -> None:
        self.stop()

    # --- answers -----------------------------------------------------------------------------------------------------

    def _fault_of(self, path: str) -> Fault:
        found = self._faults.get(path) or self._faults.get("*")
        if found is None or found.times == 0:
            return Fault()
        if found.times is not None:
            found.times -= 1
        return found

    def _answer(self, asked: Asked) -> _Answer:
        if asked.path in self._tarballs:
            return _Answer(200, self.tarball(asked.path), {"Content-Type": "application/octet-stream"})
        name = asked.path.lstrip("/")
        if asked.method in ("GET", "HEAD") and name in self.documents:
            return self._packument(name, asked)
        if asked.path == "/-/npm/v1/security/advisories/bulk":
            body = gzip.decompress(asked.body) if asked.headers.get("content-encoding") == "gzip" else asked.body
            return _json({each: self.advisories[each] for each in json.loads(body) if each in self.advisories})
        if asked.path == "/-/v1/search":
            return self._search(asked)
        if asked.path == "/-/npm/v1/keys":
            return _json({"keys": self.keys})
        if asked.path in ("/", "/-/ping"):
            return _json({})
        return _json({"error": "Not found"}, 404)

    def _packument(self, name: str, asked: Asked) -> _Answer:
        short, zipped = SHORT in asked.headers.get("accept", ""), "gzip" in asked.headers.get("accept-encoding", "")
        with self._lock:
            if (name, short, zipped) not in self._made:
                document = self.documents[name]
                plain = json.dumps(_abbreviated(document) if short else document).encode()
                etag = f'"{hashlib.sha1(plain).hexdigest()}"'
                self._made[name, short, zipped] = (gzip.compress(plain, 1, mtime=0) if zipped else plain, etag)
            body, etag = self._made[name, short, zipped]
        headers = {"Content-Type": SHORT if short else JSON, "ETag": etag, "Vary": "Accept, Accept-Encoding"}
        if asked.headers.get("if-none-match", "").removeprefix("W/") == etag:
            return _Answer(304, b"", headers)
        return _Answer(200, body, headers | ({"Content-Encoding": "gzip"} if zipped else {}))

    def _search(self, asked: Asked) -> _Answer:
        query = parse_qs(urlsplit(asked.raw).query)
        text, size = query.get("text", [""])[0].lower(), int(query.get("size", ["20"])[0])
        found = []
        for name, document in sorted(self.documents.items()):
            if text in f"{name} {document.get('description', '')}".lower():
                number = document["dist-tags"].get("latest") or next(iter(document["versions"]))
                shown = {"name": name, "version": number, "description": document.get("description", "")}
                shown |= {"keywords": [], "date": document.get("time", {}).get(number), "links": {}, "maintainers": []}
                found.append({"package": shown, "score": {"final": 1, "detail": {}}, "searchScore": 1})
        return _json({"objects": found[:size], "total": len(found), "time": "now"})

    def _forget(self, name: str) -> None:
        for key in [key for key in self._made if key[0] == name]:
            del self._made[key]


def integrity(data: bytes) -> str:
    """The digest of a tarball as packuments say it."""
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()


def _json(value: object, status: int = 200) -> _Answer:
    return _Answer(status, json.dumps(value).encode(), {"Content-Type": JSON})


def _abbreviated(document: dict[str, Any]) -> dict[str, Any]:
    versions = {
        number: {key: manifest[key] for key in IN_SHORT if key in manifest}
        for number, manifest in document["versions"].items()
    }
    for number, manifest in document["versions"].items():
        if {"preinstall", "install", "postinstall"} & set(manifest.get("scripts") or {}):
            versions[number]["hasInstallScript"] = True
    short = {"name": document["name"], "dist-tags": document["dist-tags"], "versions": versions}
    if modified := document.get("modified") or document.get("time", {}).get("modified"):
        short["modified"] = modified
    return short


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], stub: UpstreamStub) -> None:
        self.stub = stub
        self.open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def get_request(self):
        found = super().get_request()
        found[0].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open.add(found[0])
        return found

    def shutdown_request(self, request) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def end_all(self) -> None:
        for each in list(self.open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, client_address) -> None:
        """A client that hangs up is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _run(self) -> None:
        stub = self.server.stub
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): text for name, text in self.headers.items()}
        asked = Asked(self.command, unquote(urlsplit(self.path).path), self.path, headers, body)
        stub.requests.append(asked)
        fault = stub._fault_of(asked.path)
        if fault.delay:
            time.sleep(fault.delay)
        if fault.gate:
            fault.gate.wait(60)
        if fault.spoils:  # there is a body to spoil
            headers.pop("if-none-match", None)
        right = stub._answer(asked)
        status = 200 if fault.body is not None else right.status
        status = status if fault.status is None else fault.status
        sent = right.body if fault.body is None else fault.body
        kept = right.headers if fault.body is None and fault.status is None else {"Content-Type": JSON}
        size = fault.huge or len(sent)
        said = {**kept, "Content-Length": str(size if fault.length is None else fault.length), **fault.headers}
        self.send_response(status)
        for name, text in said.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD" and status != 304:
            self._send(sent, size, fault)
        if fault.cut is not None or (fault.length is not None and fault.length != size):
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _run

    def _send(self, sent: bytes, size: int, fault: Fault) -> None:
        left = size if fault.cut is None else min(fault.cut, size)
        if fault.drip:
            for at in range(left):
                self.wfile.write(sent[at : at + 1])
                time.sleep(fault.drip)
        elif fault.huge:
            while left > 0:
                left -= self.wfile.write(b" " * min(CHUNK, left))
        else:
            self.wfile.write(sent[:left])

    def log_message(self, *words: object) -> None:
        """The tests ask `requests`."""
