"""A throwaway S3-compatible object store on loopback: moto's server, which can be told to fail.

`python -m tests.tools.object_store -- COMMAND ...` runs a command with STORAGE_URL set, and stops the store after it.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from functools import cache

BUCKET = "tarballs"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "not-secret"}
CUT = "cut"  # the answer ends after half of its body


class ObjectStore:
    """A running store with one bucket. Everything in it is gone when it stops."""

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Quiet(WSGIRequestHandler):
            protocol_version = "HTTP/1.1"

            def log(self, *args) -> None:
                pass

        self._app = DomainDispatcherApplication(create_backend_app)
        self._faults: deque[tuple[str, int | str]] = deque()
        self.asked: list[str] = []
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=Quiet)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.client().create_bucket(Bucket=BUCKET)

    def address(self, prefix: str = "") -> str:
        """A STORAGE_URL for this store; everyone has a part of the bucket of their own, unless it is named."""
        return f"s3://{BUCKET}/{prefix or secrets.token_hex(6)}?endpoint={self.endpoint}&region=us-east-1"

    def client(self):
        """A client of the store, as boto3 gives it."""
        import boto3

        keys = {name.lower(): value for name, value in CREDENTIALS.items()}
        return boto3.client("s3", endpoint_url=self.endpoint, region_name="us-east-1", **keys)

    def fail(self, method: str, how: int | str, times: int = 1) -> None:
        """The next requests of this method fail: with a status, or CUT."""
        self._faults.extend([(method, how)] * times)

    def heal(self) -> None:
        """Forget the faults that did not happen yet, and what was asked so far."""
        self._faults.clear()
        self.asked.clear()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, environ, start_response):
        method = environ["REQUEST_METHOD"]
        self.asked.append(f"{method} {environ['PATH_INFO']}")
        fault = self._faults.popleft()[1] if self._faults and self._faults[0][0] == method else None
        if isinstance(fault, int):
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            body = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate</Message></Error>"
            start_response(f"{fault} Fault", [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))])
            return [body]
        answer = self._app(environ, start_response)
        return _cut(answer) if fault == CUT else answer


def _cut(answer) -> Iterator[bytes]:
    body = b"".join(answer)
    yield body[: len(body) // 2]
    raise ConnectionAbortedError("cut, as told")


def part(url: str) -> str:
    """A part of its own of the store that a run was given by STORAGE_URL; "" when that is no object store."""
    place, mark, options = url.partition("?")
    return f"{place}/{secrets.token_hex(6)}{mark}{options}" if url.startswith("s3://") else ""


@cache
def shared() -> ObjectStore:
    """The one store of this process, started when it is first asked for."""
    return ObjectStore()


def main(words: list[str]) -> int:
    """Run `words` beside a store of their own; gives back the code the command ended with."""
    command = words[1:] if words[:1] == ["--"] else words
    if not command:
        print("Say what to run: python -m tests.tools.object_store -- COMMAND ...", file=sys.stderr)
        return 2
    store = ObjectStore()
    environ = {**os.environ, **CREDENTIALS, "STORAGE_URL": store.address("tests")}
    try:
        return subprocess.run(command, env=environ).returncode
    except KeyboardInterrupt:
        return 130
    finally:
        store.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
