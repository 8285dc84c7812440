"""What a running registry with two processes says of itself: numbers, lines, and that it is about to stop."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.error
import urllib.request

import pytest

from tests.live import app, fetch, make
from tests.tools import canaries
from tests.tools.server import DIRECT, Registry
from tests.tools.visitor import PASSWORD, sign_up

pytestmark = pytest.mark.protocol

TOKEN = "canary-of-metrics"
SETTINGS = {
    "RATE_LIMITS": "off",
    "WEB_CONCURRENCY": "2",
    "METRICS_TOKEN": TOKEN,
    "LOG_FORMAT": "json",
    "LOG_LEVEL": "DEBUG",
    "ACCESS_LOG": "on",
    "DRAIN_SECONDS": "600",
}
PROBED = {"Host": "10.9.8.7", "Connection": "close"}


def get(registry: Registry, path: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(registry.url + path, headers=headers)
    try:
        with DIRECT.open(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def numbers(registry: Registry) -> dict[str, float]:
    status, text = get(registry, "/metrics", Authorization=f"Bearer {TOKEN}")
    assert status == 200, text
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(number) for name, _, number in (line.rpartition(" ") for line in lines)}


def lines(registry: Registry) -> list[dict]:
    """The log; `manage.py prepare` and the first line of the server are for people."""
    return [json.loads(line) for line in registry.log.splitlines() if line.startswith("{")]


def test_what_it_says_of_itself(tmp_path):
    with Registry(SETTINGS, data_dir=tmp_path / "data") as registry:
        alice, wrong = sign_up(registry, "alice", tmp_path / "alice"), canaries.token()
        hers, name = alice.client(), "@alice/seen"
        hers.run("publish", cwd=make(hers, name))
        elsewhere = alice.client()
        elsewhere.run("install", name, cwd=app(elsewhere))
        for _ in range(20):  # both processes answer some of them
            assert fetch(registry, f"{name}?write=true", wrong)[0] == 401
        status, _, headers = fetch(registry, f"{wrong}?token={wrong}", alice.token)
        assert status == 404

        found = numbers(registry)
        assert found['registry_requests_total{route="write.put_package",status="201"}'] == 1, found
        assert found['registry_changes_total{change="version.published"}'] == 1
        assert found["registry_tarballs_sent_total"] >= 1
        assert found["registry_refused_tokens_total"] == 20
        assert found['registry_requests_total{route="read.packument",status="401"}'] == 20
        assert found["registry_storage_bytes"] > 0
        assert get(registry, "/metrics")[0] == 404

        said = lines(registry)
        refused = [line for line in said if line["logger"] == "registry.access" and line.get("status") == 401]
        assert len([line for line in refused if line["path"] == f"/npm/{name}"]) == 20
        assert headers["X-Request-ID"] in {line.get("request_id") for line in said}
        assert {"alice"} <= {line.get("actor") for line in said}
        assert canaries.found_in(registry.log, [PASSWORD, alice.token, wrong, TOKEN]) == []

        status, body = get(registry, "/healthz/ready", **PROBED)
        assert (status, json.loads(body)["ready"]) == (200, True), body
        os.kill(registry.pid, signal.SIGTERM)
        last = time.monotonic() + 30
        while get(registry, "/healthz/ready", **PROBED)[0] == 200:
            assert time.monotonic() < last, "still ready"
        assert get(registry, "/healthz/live", **PROBED)[0] == 200
        assert fetch(registry, "-/ping")[0] == 200
        assert numbers(registry)["registry_draining"] == 1
        os.kill(registry.pid, signal.SIGTERM)
        assert registry._process.wait(60) == 0
