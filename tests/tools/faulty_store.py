"""An object store on loopback that is scripted call by call: what it answers, says twice, cuts off or never says.

store.next("PUT", answers(503, "SlowDown"), times=3)
store.next("GET", cut(1000), unscripted, cut(2000))

tests/tools/object_store.py is the one that behaves; this one knows as much of S3 as the registry asks for.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "tarballs"
SAID = {404: "NoSuchKey", 403: "AccessDenied", 500: "InternalError", 503: "SlowDown"}
HELD_SECONDS = 60


class Reply:
    """What is about to be answered; a fault changes it."""

    def __init__(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.status, self.body = status, body
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.length = len(body)
        self.cut: int | None = None
        self.reset = False


# A fault is asked with the store's honest way to answer, which it calls or not.
Fault = Callable[[Callable[[], Reply]], Reply]


def unscripted(honest: Callable[[], Reply]) -> Reply:
    """As if nothing was scripted."""
    return honest()


def answers(status: int, code: str = "") -> Fault:
    """Nothing is done, and this is the answer. code: S3's word for it."""
    said = code or SAID.get(status, "Fault")
    body = f"<Error><Code>{said}</Code><Message>as told</Message></Error>".encode()
    return lambda honest: Reply(status, body, Content_Type="application/xml")


def page(status: int = 200) -> Fault:
    """Something that stands in between answers with a page of its own."""
    return lambda honest: Reply(status, b"<html><body>Please log in</body></html>", Content_Type="text/html")


def bare(status: int = 200) -> Fault:
    """The answer has neither a length nor anything else that S3 says."""

    def fault(honest: Callable[[], Reply]) -> Reply:
        reply = Reply(status)
        reply.length = -1
        return reply

    return fault


def done_but(status: int = 500) -> Fault:
    """It is done, and the answer says that it was not."""

    def fault(honest: Callable[[], Reply]) -> Reply:
        honest()
        return answers(status)(honest)

    return fault


def done_and_silent(honest: Callable[[], Reply]) -> Reply:
    """It is done, and the connection breaks instead of an answer."""
    honest()
    return _broken()


def silent(honest: Callable[[], Reply]) -> Reply:
    """Nothing is done, and the connection breaks."""
    return _broken()


def cut(after: int) -> Fault:
    """The body breaks off after so many bytes."""

    def fault(honest: Callable[[], Reply]) -> Reply:
        reply = honest()
        reply.cut = after
        return reply

    return fault


def other_bytes(honest: Callable[[], Reply]) -> Reply:
    """As many bytes as there should be, and other ones."""
    reply = honest()
    reply.body = bytes(byte ^ 0xFF for byte in reply.body)
    return reply


def shorter(honest: Callable[[], Reply]) -> Reply:
    """A whole answer with half of the object."""
    reply = honest()
    reply.body = reply.body[: len(reply.body) // 2]
    reply.length = len(reply.body)
    return reply


def held(gate: threading.Event, then: Fault = unscripted) -> Fault:
    """It waits until the gate is open; a test that opens none waits for no ever."""

    def fault(honest: Callable[[], Reply]) -> Reply:
        gate.wait(HELD_SECONDS)
        return then(honest)

    return fault


def _broken() -> Reply:
    reply = Reply(500)
    reply.reset = True
    return reply


class FaultyStore:
    """A running store with one bucket, for `with`.

    asked: each call as `METHOD key`. ranges: whether it knows how to give a part. lists_late: keys that lists miss.
    """

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, float]] = {}
        self.uploads: dict[str, tuple[str, dict[int, bytes], float]] = {}
        self.asked: list[str] = []
        self.ranges = True
        self.lists_late: set[str] = set()
        self._scripted: dict[str, deque[Fault]] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.endpoint = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def address(self, prefix: str = "", *, through: int = 0) -> str:
        """A STORAGE_URL for this store. through: the port of a line that leads here."""
        endpoint = f"http://127.0.0.1:{through}" if through else self.endpoint
        return f"s3://{BUCKET}/{prefix or secrets.token_hex(6)}?endpoint={endpoint}&region=us-east-1"

    def next(self, call: str, *faults: Fault, times: int = 1) -> None:
        """What the next calls of this kind meet: `GET`, `PUT`, `HEAD`, `DELETE`, `POST`, or `LIST`."""
        with self._lock:
            self._scripted.setdefault(call, deque()).extend(faults * times)

    def heal(self) -> None:
        """Forget what is scripted and did not happen yet, and what was asked."""
        with self._lock:
            self._scripted.clear()
            self.asked.clear()
            self.ranges = True
            self.lists_late.clear()

    def waits_for(self, call: str) -> int:
        """How many scripted faults of this kind did not happen yet."""
        return len(self._scripted.get(call, ()))

    @property
    def blobs(self) -> list[str]:
        """The keys of tarballs that are there; not of what is written down beside them."""
        return sorted(key for key in self.objects if re.search(r"/[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{128}-", f"/{key}"))

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> FaultyStore:
        return self

    def __exit__(self, *reason: object) -> None:
        self.stop()

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> Reply:
        """What a request is answered with."""
        parts = urlsplit(path)
        words = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        key = unquote(parts.path).lstrip("/").partition("/")[2]
        call = "LIST" if method == "GET" and not key else method
        with self._lock:
            self.asked.append(f"{call} {key}")
            waiting = self._scripted.get(call)
            fault = waiting.popleft() if waiting else unscripted
        return fault(lambda: self._honest(call, key, words, headers, body))

    def _honest(self, call: str, key: str, words: dict[str, str], headers: Any, body: bytes) -> Reply:
        with self._lock:
            match call:
                case "PUT" if "partNumber" in words:
                    self.uploads[words["uploadId"]][1][int(words["partNumber"])] = body
                    return Reply(200, ETag=_etag(body))
                case "PUT":
                    self.objects[key] = (body, time.time())
                    return Reply(200, ETag=_etag(body))
                case "POST" if "uploads" in words:
                    upload = secrets.token_hex(8)
                    self.uploads[upload] = (key, {}, time.time())
                    return _xml(f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId>"
                                "</InitiateMultipartUploadResult>")  # fmt: skip
                case "POST":
                    _, pieces, _ = self.uploads.pop(words["uploadId"])
                    self.objects[key] = (b"".join(pieces[number] for number in sorted(pieces)), time.time())
                    return _xml("<CompleteMultipartUploadResult/>")
                case "DELETE" if "uploadId" in words:
                    self.uploads.pop(words["uploadId"], None)
                    return Reply(204)
                case "DELETE":
                    self.objects.pop(key, None)
                    return Reply(204)
                case "LIST":
                    return self._list(words)
                case _:
                    return self._read(key, headers.get("Range", ""))

    def _list(self, words: dict[str, str]) -> Reply:
        prefix = words.get("prefix", "")
        if "uploads" in words:
            found = [(upload, *rest) for upload, rest in self.uploads.items() if rest[0].startswith(prefix)]
            told = "".join(f"<Upload><Key>{escape(key)}</Key><UploadId>{upload}</UploadId>"
                           f"<Initiated>{_day(at)}</Initiated></Upload>" for upload, key, _, at in found)  # fmt: skip
            return _xml(f"<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>{told}"
                        "</ListMultipartUploadsResult>")  # fmt: skip
        keys = sorted(key for key in self.objects if key.startswith(prefix) and key not in self.lists_late)
        told = "".join(f"<Contents><Key>{quote(key)}</Key><Size>{len(self.objects[key][0])}</Size></Contents>"
                       for key in keys)  # fmt: skip
        return _xml("<ListBucketResult><IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>"
                    f"<KeyCount>{len(keys)}</KeyCount>{told}</ListBucketResult>")  # fmt: skip

    def _read(self, key: str, asked: str) -> Reply:
        if key not in self.objects:
            return answers(404)(lambda: Reply(404))
        data, at = self.objects[key]
        stamp = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(at))
        part = re.fullmatch(r"bytes=(\d+)-", asked)
        if part is None or not self.ranges:
            return Reply(200, data, ETag=_etag(data), Last_Modified=stamp)
        start = int(part[1])
        told = f"bytes {start}-{len(data) - 1}/{len(data)}"
        return Reply(206, data[start:], ETag=_etag(data), Last_Modified=stamp, Content_Range=told)


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at))


def _xml(text: str) -> Reply:
    return Reply(200, f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode(), Content_Type="application/xml")


def _handler(store: FaultyStore) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _do(self) -> None:
            body = self._body()
            reply = store.answer(self.command, self.path, self.headers, body)
            if reply.reset:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.length >= 0 and reply.status != 204:
                self.send_header("Content-Length", str(reply.length))
            if reply.length < 0 or reply.cut is not None:
                self.close_connection = True
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body if reply.cut is None else reply.body[: reply.cut])

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _do

        def _body(self) -> bytes:
            if self.headers.get("Expect", "").lower() == "100-continue":
                self.send_response_only(100)
                self.end_headers()
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def handle_expect_100(self) -> bool:
            return True

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # whoever asked went away
                self.close_connection = True

        def log_message(self, *args: Any) -> None:
            pass

    return Handler
