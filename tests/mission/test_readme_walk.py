"""The README's walk, command for command, against `make serve` in a copy of what git tracks, with npm 12 and npm 6."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from tests.live import web_login
from tests.tools import ports
from tests.tools.homes import Client
from tests.tools.server import ROOT
from tests.tools.visitor import PASSWORD, Visitor

DOCUMENTED = "http://localhost:8000"


def commands() -> list[str]:
    """Every npm command of the walk, in order."""
    walk = (ROOT / "README.md").read_text().partition("## A walk")[2].partition("\n## ")[0]
    return [line for block in re.findall(r"```sh\n(.*?)```", walk, re.DOTALL) for line in block.splitlines()]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """`make serve` in a fresh copy; gives its address and ends it with Ctrl-C."""
    copy = tmp_path_factory.mktemp("clone") / "registry"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    (copy / ".venv").symlink_to(ROOT / ".venv")
    port = ports.free()
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    log = (copy / "serve.log").open("w")
    process = subprocess.Popen(
        ["make", "serve"], cwd=copy, env={**environ, "PORT": str(port), "RATE_LIMITS": "off"},
        stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    address = f"http://localhost:{port}"
    try:
        _wait(address, process, copy / "serve.log")
        yield address
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(120)
    time.sleep(0.5)
    with pytest.raises(OSError):  # noqa: PT012
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=2)
    assert (copy / "var" / "registry.sqlite3").exists()


@pytest.mark.protocol
@pytest.mark.parametrize("major", [12, 6])
def test_the_walk(served, tmp_path, npm_or_skip, major):
    npm_or_skip(major)
    alice, bob = f"alice{major}", f"bob{major}"
    browsers = {}
    for name in (alice, bob):
        browsers[name] = Visitor(served)
        browsers[name].submit("/signup", username=name, email=f"{name}@example.com", password1=PASSWORD)
    package = f"@{alice}/hello"
    hers, his = (Client("npm", major, tmp_path / name, "http://127.0.0.1:9/") for name in (alice, bob))
    (hers.home / "hello").mkdir()
    project = his.project({"name": "bobs", "version": "1.0.0"})

    script = [line.replace(DOCUMENTED, served).replace("@alice", f"@{alice}") for line in commands()]
    assert len(script) == 10
    if major < 9:
        script = [line.replace("access set status=public", "access public") for line in script]

    def run(client, line: str, cwd: Path, check: bool = True):
        words = shlex.split(line)
        assert words[0] == "npm"
        if words[1] == "login":
            return web_login(client, browsers[alice if client is hers else bob])
        return client.run(*words[1:], cwd=cwd, check=check)

    for line in script[:4]:
        run(hers, line, hers.home / "hello")
    for line in script[4:6]:
        run(his, line, project)
    assert run(his, script[6], project, check=False).code != 0
    shared = browsers[alice].submit(
        f"/package/{package}/access/people", f"/package/{package}/access", user=bob, permission="read"
    )
    assert f"{bob} has read" in shared.text
    run(his, script[7], project)
    assert (project / "node_modules" / package / "package.json").exists()
    assert Visitor(served).get(f"/package/{package}").status == 404
    run(hers, script[8], hers.home / "hello")
    assert package in run(his, script[9], project).stdout
    assert Visitor(served).get(f"/package/{package}").status == 200


def _wait(address: str, process: subprocess.Popen, log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    last = time.monotonic() + 250
    while time.monotonic() < last:
        try:
            with opener.open(f"{address}/-/ping", timeout=30):
                return
        except OSError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
    raise AssertionError(log.read_text())
