"""The servers that are measured beside each other, each with the same packages."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.tools import clients, ports
from tests.tools.server import DIRECT, Registry
from tests.tools.verdaccio import Verdaccio

COUNTS = (10, 300, 3000)
SIZES = {"50kb": 50_000, "20mb": 20_000_000}
PATTERN = "http://localhost/"


@dataclass(frozen=True)
class Server:
    """One that runs. base: the address its registry has, without a last slash; pid: of the process above all others."""

    name: str
    base: str
    pid: int


@contextmanager
def ours() -> Iterator[tuple[Server, Registry]]:
    """This project, as `make serve` runs it, with the packages that the others get copies of."""
    with Registry({"RATE_LIMITS": "off", "WEB_CONCURRENCY": "2"}) as registry:
        code = f"from tests.bench.filling import fill; fill({list(COUNTS)}, {SIZES})"
        registry.manage("shell", "-v0", "-c", code)
        yield Server("ours", registry.registry.rstrip("/"), registry.pid), registry


@contextmanager
def verdaccio(registry: Registry) -> Iterator[Server | None]:
    """A real verdaccio with the same packages in its storage; None when it cannot be fetched."""
    storage = Path(tempfile.mkdtemp(prefix="bench-storage-"))
    try:
        for name in names():
            _copy(registry, name, storage / name)
        with Verdaccio(storage) as running:
            yield Server("verdaccio", running.url, running.pid)
    except clients.Unavailable:
        yield None
    finally:
        shutil.rmtree(storage, ignore_errors=True)


@contextmanager
def nginx(registry: Registry) -> Iterator[Server | None]:
    """nginx with the same bytes as files, compressed ahead; None where there is no nginx."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None:
        yield None
        return
    folder, port = Path(tempfile.mkdtemp(prefix="bench-nginx-")), ports.free()
    folder.chmod(0o755)
    for name in names():
        path = folder / "files" / name
        path.mkdir(parents=True)
        for form, accept in (("full", "application/json"), ("short", "application/vnd.npm.install-v1+json")):
            (path / form).write_bytes(gzip.compress(_get(registry, f"/{name}", accept), 6))
    for word in SIZES:
        (folder / "files" / f"bench-{word}/tarball").write_bytes(_get(registry, tarball(f"bench-{word}")))
    (folder / "files/ping").write_text("{}")
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, port=port))
    process = subprocess.Popen([program, "-p", folder, "-c", folder / "nginx.conf", "-g", "daemon off;"])
    try:
        _wait(f"http://127.0.0.1:{port}/ping")
        yield Server("nginx", f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def names() -> list[str]:
    """The packages that all servers have."""
    return [*(f"bench-{count}" for count in COUNTS), *(f"bench-{word}" for word in SIZES)]


def tarball(name: str) -> str:
    """The path of a package's first tarball."""
    return f"/{name}/-/{name}-1.0.0.tgz"


def _copy(registry: Registry, name: str, folder: Path) -> None:
    folder.mkdir(parents=True)
    document = json.loads(_get(registry, f"/{name}", "application/json"))
    for number, manifest in document["versions"].items():
        manifest["dist"]["tarball"] = f"{PATTERN}{name}/-/{name}-{number}.tgz"
    kept = {key: document[key] for key in ("_id", "name", "dist-tags", "versions", "time", "readme") if key in document}
    attached = {f"{name}-1.0.0.tgz": {"shasum": document["versions"]["1.0.0"]["dist"]["shasum"]}}
    more = {"_rev": "1-0", "_attachments": attached, "_distfiles": {}, "_uplinks": {}}
    (folder / "package.json").write_text(json.dumps(kept | more))
    (folder / f"{name}-1.0.0.tgz").write_bytes(_get(registry, tarball(name)))


def _get(registry: Registry, path: str, accept: str = "*/*") -> bytes:
    request = urllib.request.Request(registry.registry.rstrip("/") + path, headers={"Accept": accept})
    with DIRECT.open(request, timeout=60) as answer:
        return answer.read()


def _wait(url: str) -> None:
    for _ in range(200):
        with suppress(OSError), DIRECT.open(url, timeout=5):
            return
        time.sleep(0.05)
    raise AssertionError(f"{url} did not answer")


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
