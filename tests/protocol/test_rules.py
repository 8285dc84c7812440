"""What a developer reads when a rule holds a version back: with npm, pnpm, yarn and bun."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.live import app
from tests.tools import clients
from tests.tools.homes import Client
from tests.tools.server import Registry
from tests.tools.upstream_stub import UpstreamStub

pytestmark = pytest.mark.protocol
NEWEST = [("npm", 12), ("npm", 10), ("npm", 6), ("pnpm", 12), ("yarn", 4), ("yarn", 1), ("bun", 1)]
NPM = [kind for kind in NEWEST if kind[0] == "npm"]
OLD = datetime.now(UTC) - timedelta(days=400)
SWITCH_ON = """
from accounts.actor import operator
from packages.rules import sets
from packages.rules.engine import Block
from packages.rules.values import Values
values = Values(cooldown=7, blocked=(Block("evil", "", "it is a worm"),))
sets.activate(operator(), "", sets.write(operator(), "", values, name="House rules", why="worms").number)
"""


@pytest.fixture(scope="module")
def stub():
    with UpstreamStub() as running:
        running.publish("left-pad", "1.0.0", at=OLD)
        running.publish("left-pad", "2.0.0")
        running.publish("evil", "1.0.0", at=OLD)
        yield running


@pytest.fixture(scope="module")
def strict(stub):
    """A registry of our own that mirrors the stub, with rules."""
    with Registry({"RATE_LIMITS": "off", "RULES_CONTACT": "security@example.com", **stub.environ}) as running:
        running.manage("shell", "-c", SWITCH_ON)
        yield running


@pytest.fixture
def new(strict, tmp_path):
    """`new("npm", 12)` is a client with an empty app."""

    def run(name: str, major: int) -> tuple[Client, Path]:
        try:
            client = Client(name, major, tmp_path, strict.registry)
        except clients.Unavailable as reason:
            pytest.skip(str(reason))
        return client, app(client)

    return run


def add(client: Client, folder: Path, spec: str):
    word = "install" if client.name == "npm" else "add"
    retries = ["--fetch-retries=0"] if client.name == "npm" else []
    return client.run(word, spec, *retries, cwd=folder, check=False)


@pytest.mark.parametrize("kind", NEWEST, ids=lambda kind: "".join(map(str, kind)))
def test_the_older_version_is_installed(new, kind):
    client, folder = new(*kind)
    assert add(client, folder, "left-pad").code == 0
    assert '"^1.0.0"' in (folder / "package.json").read_text()


@pytest.mark.parametrize("kind", NEWEST, ids=lambda kind: "".join(map(str, kind)))
def test_a_version_that_is_held_back_is_not_installed(new, kind):
    client, folder = new(*kind)
    done = add(client, folder, "left-pad@2.0.0")
    assert done.code != 0, done.said
    assert "left-pad" not in (folder / "package.json").read_text()


@pytest.mark.parametrize("kind", NPM, ids=lambda kind: "".join(map(str, kind)))
def test_npm_says_why_a_version_or_a_range_does_not_match(new, kind):
    client, folder = new(*kind)
    for spec in ("left-pad@2.0.0", "left-pad@^2.0.0"):
        said = " ".join(add(client, folder, spec).said.split())
        for words in ("too new until", "/rules?package=left-pad", "security@example.com"):
            assert words in said, said


@pytest.mark.parametrize("kind", NEWEST, ids=lambda kind: "".join(map(str, kind)))
def test_a_package_of_which_nothing_is_left_says_why(new, kind):
    client, folder = new(*kind)
    done = add(client, folder, "evil")
    assert done.code != 0
    said = " ".join(done.said.split())
    if kind[0] == "npm" or kind == ("yarn", 1):
        assert "evil is blocked: it is a worm (rule blocked packages of House rules, version 1)" in said, said


def test_npm_ci_of_a_lockfile_from_before_says_why(new, strict, stub):
    client, folder = new("npm", 12)
    lock = {
        "name": "app", "version": "1.0.0", "lockfileVersion": 3,
        "packages": {
            "": {"name": "app", "version": "1.0.0", "dependencies": {"left-pad": "^2.0.0"}},
            "node_modules/left-pad": {
                "version": "2.0.0",
                "resolved": f"{strict.registry}left-pad/-/left-pad-2.0.0.tgz",
                "integrity": stub.document("left-pad")["versions"]["2.0.0"]["dist"]["integrity"],
            },
        },
    }  # fmt: skip
    manifest = {"name": "app", "version": "1.0.0", "dependencies": {"left-pad": "^2.0.0"}}
    folder = client.project(manifest, {"package-lock.json": json.dumps(lock).encode()})
    said = " ".join(client.run("ci", "--fetch-retries=0", cwd=folder, check=False).said.split())
    assert "left-pad@2.0.0 is held back here: upstream published it" in said, said
    assert "rule minimum age of House rules, version 1" in said
    assert not (folder / "node_modules/left-pad").exists()
