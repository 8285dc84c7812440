"""The servers that are measured beside each other, each with the same packages."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.bench import load
from tests.tools import clients, ports
from tests.tools import server as product
from tests.tools.server import DIRECT, Registry
from tests.tools.verdaccio import Verdaccio

OWNER, PASSWORD = "bench", "correct horse battery"
FULL = {"Accept": "application/json", "Accept-Encoding": "gzip"}
SHORT = {"Accept": "application/vnd.npm.install-v1+json", "Accept-Encoding": "gzip"}
PATTERN = "http://localhost/"
FILL_SECONDS = 900


class Ours:
    """This project, as `make serve` runs it. more: settings; beside: processes whose work is its, too."""

    name = "ours"

    def __init__(self, more: Mapping[str, str] | None = None, beside: Iterable[int] = ()) -> None:
        # With the settings of the product, not those of the tests, which do not wait for the disk.
        own = {"DJANGO_SETTINGS_MODULE": "registry_site.settings"}
        usual = {"RATE_LIMITS": "off", "WEB_CONCURRENCY": "2", "UPSTREAM_SEARCH": "off", **own}
        usual["DJANGO_SETTINGS_MODULE"] = "registry_site.settings"  # not the quicker ones of the tests
        self._registry = Registry({**usual, **(more or {})})
        self._beside = list(beside)
        self._tokens: dict[str, str] = {}

    def __enter__(self) -> Ours:
        self._registry.__enter__()
        return self

    def __exit__(self, *reason: object) -> None:
        self._registry.__exit__()

    @property
    def base(self) -> str:
        """The registry's address, without a last slash."""
        return self._registry.registry.rstrip("/")

    @property
    def site(self) -> str:
        """The website's address, without a last slash."""
        return self._registry.url

    @property
    def pid(self) -> int:
        """Of the process above all others."""
        return self._registry.pid

    @property
    def pids(self) -> list[int]:
        """Of the processes whose trees do its work."""
        return [self.pid, *self._beside]

    def fill(self, code: str) -> str:
        """Run a line of tests.bench.filling inside the product, such as `org(100)`; gives what it printed."""
        whole = f"from tests.bench import filling; filling.{code}"
        done = subprocess.run(
            [sys.executable, "manage.py", "shell", "-v0", "-c", whole], cwd=product.ROOT, env=self._registry.environ,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=FILL_SECONDS,
        )  # fmt: skip
        if done.returncode:
            raise product.NotStarted(f"{code} ended with {done.returncode}: {done.stderr.strip().splitlines()[-1:]}")
        return done.stdout.strip()

    def token(self, person: str = OWNER) -> str:
        """A token that installs and publishes for somebody who has an account."""
        if person not in self._tokens:
            self._tokens[person] = self._registry.manage("create_token", person).stdout.strip()
        return self._tokens[person]

    def document(self, name: str) -> dict[str, Any]:
        """A full packument."""
        return json.loads(self.get(name, {"Accept": "application/json"}))

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> bytes:
        """The bytes at a path of the registry."""
        answer = load.once(f"{self.base}/{path}", headers or {})
        assert answer.status == 200, f"/{path} answered with {answer.status}: {answer.body[:200]!r}"
        return answer.body


class Others:
    """A real verdaccio. Raises clients.Unavailable when it cannot be fetched."""

    name = "verdaccio"

    def __init__(self, packages: Path | None = None, more: Mapping[str, Any] | None = None, env=None) -> None:
        self._empty = None if packages else tempfile.mkdtemp(prefix="bench-empty-")
        usual = {
            "max_body_size": "1gb",
            "log": {"type": "stdout", "format": "pretty", "level": "error"},
            "auth": {"htpasswd": {"file": "htpasswd", "max_users": 100}},
            "security": {"api": {"jwt": {"sign": {"expiresIn": "1d"}}}},  # else it hashes a password at each request
        }
        self._verdaccio = Verdaccio(packages or Path(self._empty), {**usual, **(more or {})}, env)
        self._token = ""

    def __enter__(self) -> Others:
        self._verdaccio.__enter__()
        return self

    def __exit__(self, *reason: object) -> None:
        self._verdaccio.__exit__()
        if self._empty:
            shutil.rmtree(self._empty, ignore_errors=True)

    @property
    def base(self) -> str:
        return self._verdaccio.url

    @property
    def pid(self) -> int:
        return self._verdaccio.pid

    @property
    def pids(self) -> list[int]:
        return [self.pid]

    @property
    def storage(self) -> Path:
        """The folder of its packages."""
        return self._verdaccio.storage

    def token(self, person: str = OWNER) -> str:
        """What its login gives; the account is made by that."""
        if not self._token:
            body = json.dumps({"name": person, "password": PASSWORD, "type": "user"}).encode()
            url = f"{self.base}/-/user/org.couchdb.user:{person}"
            answer = load.once(url, {"Content-Type": "application/json"}, "PUT", body)
            assert answer.status == 201, f"verdaccio's login answered with {answer.status}: {answer.body[:200]!r}"
            self._token = json.loads(answer.body)["token"]
        return self._token

    def copy(self, ours: Ours, name: str) -> None:
        """Put a package of ours into its storage."""
        document, folder = ours.document(name), self.storage / name
        folder.mkdir(parents=True)
        for number, manifest in document["versions"].items():
            manifest["dist"]["tarball"] = f"{PATTERN}{name}/-/{name}-{number}.tgz"
        kept = {key: document[key] for key in _KEPT if key in document}
        number = document["dist-tags"]["latest"]
        file = f"{name}-{number}.tgz"
        attached = {file: {"shasum": document["versions"][number]["dist"]["shasum"]}}
        more = {"_rev": "1-0", "_attachments": attached, "_distfiles": {}, "_uplinks": {}}
        (folder / "package.json").write_text(json.dumps(kept | more))
        (folder / file).write_bytes(ours.get(f"{name}/-/{file}"))


class Files:
    """nginx with the same bytes as files, compressed ahead. Raises clients.Unavailable where there is no nginx."""

    name = "nginx"

    def __init__(self) -> None:
        self._program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
        if self._program is None:
            raise clients.Unavailable("nginx is not installed (Debian: sudo apt-get install nginx-light)")

    def __enter__(self) -> Files:
        self._folder, self._port = Path(tempfile.mkdtemp(prefix="bench-nginx-")), ports.free()
        self._folder.chmod(0o755)
        (self._folder / "files/-").mkdir(parents=True)
        (self._folder / "files/-/ping").write_text("{}")
        settings = self._folder / "nginx.conf"
        settings.write_text(_NGINX.format(folder=self._folder, port=self._port))
        self._process = subprocess.Popen([self._program, "-p", self._folder, "-c", settings, "-g", "daemon off;"])
        try:
            _wait(f"{self.base}/-/ping")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *reason: object) -> None:
        self._process.terminate()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def pids(self) -> list[int]:
        return [self._process.pid]

    def copy(self, ours: Ours, name: str) -> None:
        """Put the files of a package of ours where they are served."""
        folder, number = self._folder / "files" / name, ours.document(name)["dist-tags"]["latest"]
        (folder / "-").mkdir(parents=True)
        for form, headers in (("full", FULL), ("short", SHORT)):
            found = ours.get(name, headers)
            (folder / form).write_bytes(found if found[:2] == b"\x1f\x8b" else gzip.compress(found, 6))
        file = f"{name}-{number}.tgz"
        (folder / "-" / file).write_bytes(ours.get(f"{name}/-/{file}"))


_KEPT = ("_id", "name", "dist-tags", "versions", "time", "readme")


def _wait(url: str) -> None:
    for _ in range(200):
        with suppress(OSError), DIRECT.open(urllib.request.Request(url), timeout=5):
            return
        time.sleep(0.05)
    raise product.NotStarted(f"{url} did not answer")


_NGINX = """
worker_processes 2;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    sendfile on;
    keepalive_requests 1000000;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    default_type application/json;
    server {{ listen 127.0.0.1:{port}; root {folder}/files; }}
}}
"""
