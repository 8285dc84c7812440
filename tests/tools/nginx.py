"""nginx as docs/storage.md describes it, in front of a registry, on a free loopback port."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.tools import ports

CONFIG = Path(__file__).resolve().parents[2] / "deploy/nginx.conf"
PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin")
SECONDS = 30
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
AROUND = """
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
    {server}
}}
"""


class Missing(Exception):
    """There is no nginx here, or it does not start; the message says which."""


@contextmanager
def front(place: Path, app: int, blobs: Path) -> Iterator[str]:
    """A running nginx, with the configuration of deploy/nginx.conf; gives its address without a last slash.

    place: an empty folder. app: the registry's port. blobs: the folder of its tarballs. Raises Missing.
    """
    program = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), *PLACES]))
    if program is None:
        raise Missing("nginx is not installed")
    port = ports.free()
    server = CONFIG.read_text()
    for said, here in (
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("http://127.0.0.1:8000;", f"http://127.0.0.1:{app};"),
        ("alias /srv/registry/blobs/;", f"alias {blobs}/;"),
    ):
        assert said in server
        server = server.replace(said, here)
    config = place / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(AROUND.format(place=place, server=server, user=user))
    process = subprocess.Popen(
        [program, "-p", place, "-c", config, "-e", place / "error.log"], stdin=subprocess.DEVNULL
    )
    try:
        _wait(process, port, place / "error.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


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
    raise Missing(f"nginx did not start: {log.read_text() if log.exists() else ''}")
