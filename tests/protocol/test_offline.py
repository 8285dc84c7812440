"""A project's packages, fetched ahead, carried in a file to a machine without a network, and installed there."""

from __future__ import annotations

import json

import pytest

from tests.live import fetch
from tests.tools.homes import Client
from tests.tools.server import NotStarted, Registry
from tests.tools.upstream_stub import UpstreamStub

pytestmark = pytest.mark.protocol
INNER = {"RATE_LIMITS": "off", "EGRESS_ALLOWED_NETWORKS": "127.0.0.0/8"}


def test_warm_export_import_and_npm_ci_without_a_network(tmp_path):
    with UpstreamStub() as upstream:
        upstream.publish("left-pad", "1.2.0")
        upstream.publish("left-pad", "1.3.0")
        upstream.publish("@types/pads", "2.0.0", dependencies={"left-pad": "~1.2.0"})
        upstream.publish(
            "pads", "1.0.0", {"index.js": "module.exports = 'pads'"}, dependencies={"@types/pads": "^2.0.0"}
        )
        settings = INNER | {"UPSTREAM_URL": upstream.url}
        bundle = tmp_path / "mirror.tar"
        with Registry(settings) as online:
            npm = Client("npm", 12, tmp_path / "online", online.registry)
            wanted = {"name": "app", "version": "1.0.0", "dependencies": {"pads": "^1.0.0", "left-pad": "^1.3.0"}}
            project = npm.project(wanted)
            npm.run("install", "--package-lock-only", cwd=project)
            assert not [each for each in upstream.requests if each.path.endswith(".tgz")]
            lock = project / "package-lock.json"
            said = online.manage("mirror_warm", str(lock)).stdout
            assert "4 of 4 versions are here, 0 of them were before" in said
            said = online.manage("mirror_export", str(bundle), "--lockfile", str(lock)).stdout
            assert "3 packages with 4 tarballs" in said

    # Another machine: upstream is gone, the first registry is gone, and nothing is called.
    with Registry(settings | {"UPSTREAM_OFFLINE": "on"}) as offline:
        there = Client("npm", 12, tmp_path / "offline", offline.registry)
        project = there.project(wanted, {"package-lock.json": lock.read_bytes()})
        refused = there.run("ci", "--replace-registry-host=always", "--fetch-retries=0", cwd=project, check=False)
        assert refused.code != 0
        assert "works offline" in refused.said

        assert "4 tarballs of 3 packages came in" in offline.manage("mirror_import", str(bundle)).stdout
        there.run("ci", "--replace-registry-host=always", cwd=project)
        shown = json.loads((project / "node_modules/@types/pads/package.json").read_text())
        assert shown["version"] == "2.0.0"
        fresh = there.project(wanted)
        there.run("install", cwd=fresh)
        assert (fresh / "node_modules/pads/index.js").read_text() == "module.exports = 'pads'"

        status, body, headers = fetch(offline, "not-here")
        assert (status, "mirror_import" in body.decode()) == (503, True)
        assert headers["Retry-After"]
        with pytest.raises(NotStarted, match="could not be fetched again"):
            offline.manage("mirror_prune", "--max-mb", "1")
        assert "Traceback" not in offline.log
