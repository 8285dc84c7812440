"""nginx and Caddy as deploy/ has them, in front of a registry, on a free loopback port."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.tools import ports

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin")
SECONDS = 30
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
BLOBS = "/var/lib/registry/blobs"
AROUND_NGINX = """
daemon off;
{user}
pid {place}/pid;
error_log {place}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
    {config}
}}
"""
ABOVE_CADDY = """{
	admin off
	persist_config off
	auto_https off
}
"""


class Missing(Exception):
    """There is no such server here, or it does not start; the message says which."""


def program(name: str) -> str:
    """The path of `nginx` or `caddy`. Raises Missing."""
    if found := shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *PLACES])):
        return found
    raise Missing(f"{name} is not installed")


def is_there(name: str) -> bool:
    """Whether `nginx` or `caddy` is installed."""
    try:
        return bool(program(name))
    except Missing:
        return False


@contextmanager
def front(name: str, place: Path, app: int, blobs: Path, *, others: Sequence[int] = ()) -> Iterator[str]:
    """A running front server with its configuration of deploy/; gives its address without a last slash.

    name: `nginx` or `caddy`. place: an empty folder. app: the registry's port. blobs: the folder of its tarballs.
    others: the ports of further hosts, for nginx.
    Raises Missing.
    """
    port = ports.free()
    words = _nginx(place, port, [app, *others], blobs) if name == "nginx" else _caddy(place, port, app, blobs)
    log = place / "said.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program(name), *words], stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=place,
            env={**os.environ, "HOME": str(place)},
        )  # fmt: skip
    try:
        _wait(process, port, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _nginx(place: Path, port: int, apps: Sequence[int], blobs: Path) -> list[str | Path]:
    config = "".join((DEPLOY / "nginx" / each).read_text() for each in ("hosts.conf", "registry.conf"))
    config = _here(
        config,
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("server 127.0.0.1:8000;", " ".join(f"server 127.0.0.1:{app};" for app in apps)),
        (f"{BLOBS}/;", f"{blobs}/;"),
    )
    user = "user root;" if os.geteuid() == 0 else ""
    path = place / "nginx.conf"
    path.write_text(AROUND_NGINX.format(place=place, config=config, user=user))
    return ["-p", place, "-c", path, "-e", place / "error.log"]


def _caddy(place: Path, port: int, app: int, blobs: Path) -> list[str | Path]:
    config = _here(
        (DEPLOY / "caddy/Caddyfile").read_text(),
        ("\nnpm.example.com {", f"\nhttp://127.0.0.1:{port} {{"),
        ("127.0.0.1:8000 {", f"127.0.0.1:{app} {{"),
        (f"{BLOBS} ", f"{blobs} "),
    )
    path = place / "Caddyfile"
    path.write_text(ABOVE_CADDY + config)
    return ["run", "--config", path, "--adapter", "caddyfile"]


def _here(config: str, *changes: tuple[str, str]) -> str:
    for said, here in changes:
        assert config.count(said) == 1, said
        config = config.replace(said, here)
    return config


def _wait(process: subprocess.Popen, port: int, log: Path) -> None:
    last = time.monotonic() + SECONDS
    while time.monotonic() < last and process.poll() is None:
        try:
            DIRECT.open(f"http://127.0.0.1:{port}/-/ping", timeout=5).close()
        except urllib.error.HTTPError as error:
            error.close()
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise Missing(f"it did not start: {log.read_text()}")
