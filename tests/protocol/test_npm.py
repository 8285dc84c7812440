"""The main job with real npm clients, each in a clean home."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.live import answer_prompts, app, fetch, make, web_login
from tests.tools.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.protocol
# The newest and one of the oldest with all tests; those between with `make test-clients`.
MAJORS = [12, *(pytest.param(major, marks=pytest.mark.matrix) for major in (10, 8)), 6]


@pytest.mark.parametrize("major", MAJORS)
def test_publish_share_install(join, npm_or_skip, major):
    """Private by default; hidden from a stranger and from nobody; installed by a collaborator; made public."""
    npm_or_skip(major)
    alice, bob = join("alice"), join("bob")
    name = f"@{alice.name}/secret"
    hers, his = alice.client("npm", major), bob.client("npm", major)
    hers.run("publish", cwd=make(hers, name))

    refused = his.run("install", name, cwd=app(his), check=False)
    assert refused.code != 0
    assert "404" in refused.said
    nobody = bob.client("npm", major, logged_in=False)
    assert nobody.run("install", name, cwd=app(nobody), check=False).code != 0

    hers.run("owner", "add", bob.name, name)
    assert bob.name in hers.run("owner", "ls", name).stdout
    project = app(his)
    his.run("install", name, cwd=project)
    assert (project / "node_modules" / name / "index.js").exists()
    required = subprocess.run(
        [*his.words[:1], "-p", f"require('{name}')"], cwd=project, capture_output=True, text=True, check=True
    )
    assert required.stdout.strip() == name

    hers.run("owner", "rm", bob.name, name)
    fresh = bob.client("npm", major)
    assert fresh.run("install", name, cwd=app(fresh), check=False).code != 0

    hers.run("access", *(("set", "status=public") if major >= 9 else ("public",)), name)
    nobody.run("install", name, cwd=app(nobody))


@pytest.mark.parametrize("major", MAJORS)
def test_access_on_the_first_publish(join, npm_or_skip, registry, major):
    npm_or_skip(major)
    alice = join("alice")
    hers = alice.client("npm", major)
    for arguments, name, public in (
        (["--access", "public"], f"@{alice.name}/open", True),
        (["--access", "restricted"], f"@{alice.name}/closed", False),
        ([], f"{alice.name}-loose", True),
    ):
        hers.run("publish", *arguments, cwd=make(hers, name))
        status, _, _ = fetch(registry, name)
        assert (status == 200) is public, name


@pytest.mark.parametrize("major", MAJORS)
def test_a_version_is_published_once(join, npm_or_skip, major):
    npm_or_skip(major)
    hers = join("alice").client("npm", major)
    name = f"@{hers.run('whoami').stdout.strip()}/once"
    hers.run("publish", cwd=make(hers, name))
    again = hers.run("publish", cwd=make(hers, name, description="other bytes"), check=False)
    assert again.code != 0
    assert "previously published version" in again.said


@pytest.mark.parametrize("major", MAJORS)
def test_deprecate_tags_and_unpublish(join, npm_or_skip, major):
    npm_or_skip(major)
    alice = join("alice")
    hers, name = alice.client("npm", major), f"@{alice.name}/life"
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        hers.run("publish", cwd=make(hers, name, version))
    hers.run("deprecate", f"{name}@<2", "use 2")
    assert hers.run("view", f"{name}@1.0.0", "deprecated").stdout.strip() == "use 2"
    hers.run("deprecate", f"{name}@1.0.0", "")
    assert hers.run("view", f"{name}@1.0.0", "deprecated").stdout.strip() == ""
    assert hers.run("view", f"{name}@1.1.0", "deprecated").stdout.strip() == "use 2"

    hers.run("dist-tag", "add", f"{name}@1.1.0", "old")
    assert "old: 1.1.0" in hers.run("dist-tag", "ls", name).stdout
    hers.run("dist-tag", "rm", name, "old")
    assert "old" not in hers.run("dist-tag", "ls", name).stdout
    assert hers.run("dist-tag", "rm", name, "latest", check=False).code != 0

    hers.run("unpublish", f"{name}@2.0.0")
    assert hers.run("view", name, "dist-tags.latest").stdout.strip() == "1.1.0"
    taken = hers.run("publish", cwd=make(hers, name, "2.0.0"), check=False)
    assert taken.code != 0
    hers.run("unpublish", name, "--force")
    other = alice.client("npm", major)
    assert other.run("view", name, check=False).code != 0
    assert other.run("publish", cwd=make(other, name, "1.0.0"), check=False).code != 0
    other.run("publish", cwd=make(other, name, "3.0.0"))


@pytest.mark.parametrize("major", MAJORS)
def test_orgs_and_teams(join, npm_or_skip, major):
    npm_or_skip(major)
    alice, bob = join("alice"), join("bob")
    org = f"org-{alice.name}"
    alice.browser.submit("/org/new", name=org, title="Test")
    hers, his = alice.client("npm", major), bob.client("npm", major)
    name = f"@{org}/widget"
    assert his.run("publish", cwd=make(his, name), check=False).code != 0
    hers.run("org", "set", org, bob.name, "developer")
    listed = json.loads(hers.run("org", "ls", org, "--json").stdout)
    assert listed == {alice.name: "owner", bob.name: "developer"}
    his.run("publish", cwd=make(his, name))

    team_rm = ("team", "rm", f"{org}:developers", bob.name)
    hers.run(*team_rm)
    assert his.run("view", name, "--prefer-online", check=False).code != 0
    hers.run("team", "create", f"{org}:core")
    hers.run("team", "add", f"{org}:core", bob.name)
    assert bob.name in hers.run("team", "ls", f"{org}:core").stdout
    assert "core" in hers.run("team", "ls", org).stdout
    hers.run("access", "grant", "read-only", f"{org}:core", name)
    project = app(his)
    his.run("install", name, cwd=project)
    refused = his.run("publish", cwd=make(his, name, "1.1.0"), check=False)
    assert refused.code != 0
    assert "403" in refused.said
    hers.run("access", "grant", "read-write", f"{org}:core", name)
    his.run("publish", cwd=make(his, name, "1.1.0"))
    words = ("list", "packages") if major >= 9 else ("ls-packages",)
    assert json.loads(hers.run("access", *words, f"{org}:core", "--json").stdout) == {name: "read-write"}
    words = ("list", "collaborators") if major >= 9 else ("ls-collaborators",)
    assert json.loads(hers.run("access", *words, name, "--json").stdout)[bob.name] == "read-write"
    hers.run("access", "revoke", f"{org}:core", name)
    assert his.run("view", name, "--prefer-online", check=False).code != 0

    hers.run("access", "grant", "read-write", f"{org}:core", name)
    hers.run("org", "rm", org, bob.name)
    assert his.run("publish", cwd=make(his, name, "1.2.0"), check=False).code != 0
    hers.run("team", "destroy", f"{org}:core")
    assert hers.run("org", "rm", org, alice.name, check=False).code != 0, "the last owner stays"


@pytest.mark.parametrize("major", MAJORS)
def test_web_login(join, npm_or_skip, major):
    """npm prints an address, the person approves in the browser, npm polls until it has its token."""
    npm_or_skip(major)
    alice = join("alice")
    client = alice.client("npm", major, logged_in=False)
    web_login(client, alice.browser)
    assert client.run("whoami").stdout.strip() == alice.name
    client.run("logout")
    assert client.run("whoami", check=False).code != 0


@pytest.mark.parametrize("major", [12, 10])  # npm 8 and 6 ask for the browser whatever one says
def test_password_login_and_logout(join, npm_or_skip, major):
    npm_or_skip(major)
    alice = join("alice")
    client = alice.client("npm", major, logged_in=False)
    answers = {"Username:": alice.name, "Password:": PASSWORD}
    answer_prompts([*client.words, "login", "--auth-type=legacy"], client, answers)
    assert client.run("whoami").stdout.strip() == alice.name
    client.run("logout")
    assert client.run("whoami", check=False).code != 0


def test_unscoped_and_scoped_depend_on_each_other(join):
    alice = join("alice")
    hers = alice.client()
    loose, scoped = f"{alice.name}-loose", f"@{alice.name}/scoped"
    hers.run("publish", "--access", "public", cwd=make(hers, scoped))
    hers.run("publish", cwd=make(hers, loose, dependencies={scoped: "^1.0.0"}))
    hers.run("publish", cwd=make(hers, scoped, "1.1.0", dependencies={f"{alice.name}-leaf": "*"}))
    hers.run("publish", cwd=make(hers, f"{alice.name}-leaf"))
    project = app(hers)
    hers.run("install", loose, cwd=project)
    assert (project / "node_modules" / scoped).is_dir()
    assert (project / "node_modules" / f"{alice.name}-leaf").is_dir()
    (project / "again").mkdir()
    lock = json.loads((project / "package-lock.json").read_text())
    resolved = lock["packages"][f"node_modules/{scoped}"]["resolved"]
    assert resolved == f"{alice.registry.registry}{scoped}/-/scoped-1.1.0.tgz"
    hers.run("ci", cwd=project)


def test_search_shows_what_one_may_see(join):
    alice, bob = join("alice"), join("bob")
    hers, his = alice.client(), bob.client()
    word = f"needle{alice.name}"
    hers.run("publish", cwd=make(hers, f"@{alice.name}/{word}"))
    found = [each["name"] for each in hers.run("search", word, "--json").json]
    assert found == [f"@{alice.name}/{word}"]
    assert his.run("search", word, "--json").json == []


def test_enterprise_mode(enterprise, join):
    alice, bob = join("alice", enterprise), join("bob", enterprise)
    hers, his = alice.client(), bob.client()
    refused = hers.run("publish", cwd=make(hers, f"{alice.name}-loose"), check=False)
    assert "names without a scope are reserved" in refused.said
    name = f"@{alice.name}/open"
    hers.run("publish", "--access", "public", cwd=make(hers, name))
    his.run("install", name, cwd=app(his))
    assert fetch(enterprise, name)[0] == 401
    assert fetch(enterprise, f"@{alice.name}/none")[0] == 401
    assert "/login" in Visitor(enterprise.url).get(f"/package/{name}").address
