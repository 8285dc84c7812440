"""Staged publishing with the clients that have it: npm since 11.15, pnpm since 11.3, yarn 4.18."""

from __future__ import annotations

import json
import re

import pytest

from tests.live import app, fetch, make
from tests.protocol.test_twofactor import protect  # noqa: F401 - a fixture
from tests.tools import clients
from tests.tools.homes import Client
from tests.tools.terminal import converse
from tests.tools.visitor import PASSWORD

pytestmark = pytest.mark.protocol
KEY = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture
def alice(request, join):
    """Somebody with two-factor on, and the codes she may use."""
    person = join("alice")
    return person, request.getfixturevalue("protect")(person)


@pytest.fixture
def client(alice):
    """`client("npm", 12)` is alice's; the test is skipped where it cannot run."""

    def run(name: str, major: int) -> Client:
        try:
            return alice[0].client(name, major)
        except clients.Unavailable as reason:
            pytest.skip(str(reason))

    return run


def key_of(said: str) -> str:
    return KEY.search(said)[0]


@pytest.mark.parametrize("major", [12, 11])
def test_npm_stages_shows_downloads_and_releases(alice, client, join, major):
    person, two_factor = alice
    npm, name = client("npm", major), f"@{person.name}/x"
    said = npm.run("stage", "publish", "--tag", "next", cwd=make(npm, name)).said
    key = key_of(said)
    assert key_of(npm.run("stage", "publish", "--tag", "next", "--json", cwd=make(npm, name)).stdout) == key

    assert npm.run("view", name, check=False).code != 0
    assert npm.run("install", f"{name}@1.0.0", cwd=app(npm), check=False).code != 0
    listed = npm.run("stage", "list", name, "--json").json
    assert [(each["id"], each["version"], each["tag"], each["actor"]) for each in listed] == [
        (key, "1.0.0", "next", person.name)
    ]
    assert f"staged by: {person.name} (user)" in npm.run("stage", "view", key).stdout
    file = npm.run("stage", "download", key).stdout.strip()
    assert (npm.home / file).stat().st_size > 100
    bob = join("bob").client("npm", major)
    assert "No staged packages found." in bob.run("stage", "list").stdout
    assert "E404" in bob.run("stage", "view", key, check=False).said

    refused = npm.run("stage", "approve", key, check=False)
    assert "EOTP" in refused.said
    assert npm.run("view", name, check=False).code != 0
    npm.run("stage", "approve", key, "--otp", two_factor.code())
    npm.run("stage", "approve", key, "--otp", two_factor.code())  # once more: nothing more to do
    assert set(npm.run("dist-tag", "ls", name).stdout.split("\n")) >= {"latest: 1.0.0", "next: 1.0.0"}
    npm.run("install", name, cwd=app(npm))
    assert npm.run("stage", "list").stdout.strip() == "No staged packages found."


def test_npm_rejects_and_the_number_is_free(alice, client):
    person, two_factor = alice
    npm, name = client("npm", 12), f"@{person.name}/x"
    npm.run("publish", "--otp", two_factor.code(), cwd=make(npm, name))
    key = key_of(npm.run("stage", "publish", cwd=make(npm, name, "1.1.0")).said)
    other = make(npm, name, "1.1.0", description="other")
    taken = npm.run("publish", "--otp", two_factor.code(), cwd=other, check=False)
    assert "1.1.0 is staged" in taken.said
    assert "EOTP" in npm.run("stage", "reject", key, check=False).said
    npm.run("stage", "reject", key, "--otp", two_factor.code())
    assert npm.run("stage", "list", "--json").json == []
    again = npm.run("stage", "reject", key, "--otp", two_factor.code(), check=False)
    assert "E404" in again.said
    npm.run("publish", "--otp", two_factor.code(), cwd=other)
    assert npm.run("view", name, "dist-tags.latest").stdout.strip() == "1.1.0"


def test_npm_approves_in_the_browser(alice, client):
    person, two_factor = alice
    npm, name = client("npm", 12), f"@{person.name}/x"
    key = key_of(npm.run("stage", "publish", cwd=make(npm, name)).said)
    done = converse(npm, "stage", "approve", key, open_page=two_factor.approve)
    assert done.code == 0, done.said
    assert npm.run("view", name, "version").stdout.strip() == "1.0.0"


def test_a_stage_only_token_stages_and_decides_nothing(alice, client, join, registry):
    person, two_factor = alice
    npm, name = client("npm", 12), f"@{person.name}/x"
    body = {"name": "build", "password": PASSWORD, "packages_all": True}
    body["packages_and_scopes_permission"] = "read-write-stage-only"
    status, answer, _ = fetch(registry, "-/npm/v1/tokens", person.token, "POST", body, npm_otp=two_factor.code())
    assert status in (200, 201), answer
    build = Client("npm", 12, person.home / "build", registry.registry, json.loads(answer)["token"])
    key = key_of(build.run("stage", "publish", cwd=make(build, name)).said)
    assert build.run("stage", "list", "--json").json[0]["id"] == key
    for words in (["stage", "approve", key], ["stage", "reject", key], ["publish"]):
        refused = build.run(*words, "--otp", two_factor.code(), cwd=make(build, name, "2.0.0"), check=False)
        assert "may stage versions only" in refused.said, refused.said
    assert npm.run("stage", "list", "--json").json[0]["id"] == key


def test_pnpm(alice, client):
    person, two_factor = alice
    pnpm, name = client("pnpm", 12), f"@{person.name}/x"
    first = key_of(pnpm.run("stage", "publish", "--no-git-checks", cwd=make(pnpm, name)).said)
    second = key_of(pnpm.run("stage", "publish", "--no-git-checks", cwd=make(pnpm, name, "2.0.0")).said)
    listed = pnpm.run("stage", "list", name).said
    assert first in listed
    assert second in listed
    assert name in pnpm.run("stage", "view", first).said
    pnpm.run("stage", "download", first)
    pnpm.run("stage", "approve", first, "--otp", two_factor.code())
    pnpm.run("stage", "reject", second, "--otp", two_factor.code())
    assert pnpm.run("view", name, "versions", "--json").said.count("1.0.0") == 1
    assert second not in pnpm.run("stage", "list").said


def test_yarn(alice, client):
    person, two_factor = alice
    yarn, name = client("yarn", 4), f"@{person.name}/x"
    folder = make(yarn, name)
    (folder / "yarn.lock").touch()
    yarn.run("install", cwd=folder)
    yarn.run("npm", "publish", "--staged", cwd=folder)
    listed = yarn.run("npm", "stage", "list", "--json", cwd=folder).stdout
    key = key_of(listed)
    assert name in listed
    yarn.run("npm", "stage", "approve", key, "--otp", two_factor.code(), cwd=folder)
    assert '"1.0.0"' in yarn.run("npm", "info", name, "--fields", "version", "--json", cwd=folder).stdout
    (folder / "package.json").write_text(json.dumps({"name": name, "version": "2.0.0"}))
    yarn.run("install", cwd=folder)
    yarn.run("npm", "publish", "--staged", cwd=folder)
    key = key_of(yarn.run("npm", "stage", "list", "--json", name, cwd=folder).stdout)
    yarn.run("npm", "stage", "reject", key, "--otp", two_factor.code(), cwd=folder)
    assert not KEY.search(yarn.run("npm", "stage", "list", "--json", cwd=folder).stdout)
