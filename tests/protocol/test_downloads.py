"""Download counts of a running registry: what real installs count, and that a restart loses nothing."""

from __future__ import annotations

import json
import time

import pytest

from tests.live import app, fetch, make
from tests.tools.server import Registry
from tests.tools.visitor import sign_up

pytestmark = pytest.mark.protocol


def counted(registry: Registry, name: str, token: str, least: int = 0) -> int:
    last = time.monotonic() + 60
    while True:
        status, body, _ = fetch(registry, f"downloads/point/last-day/{name}", token)
        assert status == 200, body
        if (found := json.loads(body)["downloads"]) >= least or time.monotonic() > last:
            return found
        time.sleep(0.2)


def test_installs_count_and_survive_a_restart(tmp_path):
    """Two processes serve; each writes what it counted when it is stopped."""
    with Registry({"RATE_LIMITS": "off", "WEB_CONCURRENCY": "2"}, data_dir=tmp_path / "data") as registry:
        alice = sign_up(registry, "alice", tmp_path / "alice")
        hers, name = alice.client(), "@alice/counted"
        hers.run("publish", cwd=make(hers, name))
        link = f"{name}/-/counted-1.0.0.tgz"
        assert counted(registry, name, alice.token) == 0
        elsewhere = alice.client()  # the one that published has the tarball in its cache
        elsewhere.run("install", name, cwd=app(elsewhere))
        assert counted(registry, name, alice.token, 1) == 1
        assert fetch(registry, link, alice.token, "HEAD")[0] == 200
        assert fetch(registry, link)[0] == 404
        for _ in range(20):
            assert fetch(registry, link, alice.token)[0] == 200
        registry.stop()  # at once: the last ones are in memory only
        registry.start()
        assert counted(registry, name, alice.token, 21) == 21
        assert counted(registry, f"{name}", alice.token) == 21
        per_version = json.loads(fetch(registry, f"versions/{name}/last-week", alice.token)[1])
        assert per_version == {"package": name, "downloads": {"1.0.0": 21}}
