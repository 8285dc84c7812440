"""Each sentence of "Working with private packages" that promises something."""

from __future__ import annotations

import json
import subprocess

from tests.live import app, fetch, make
from tests.tools.homes import Client
from tests.tools.server import Registry
from tests.tools.upstream_stub import UpstreamStub
from tests.tools.visitor import sign_up


def test_public_packages_side_by_side(tmp_path):
    """Express and Browserify install from the same address as one's own private code."""
    with UpstreamStub() as upstream:
        upstream.publish("accepts", "1.3.8")
        upstream.publish("express", "4.21.0", dependencies={"accepts": "~1.3.8"})
        upstream.publish("browserify", "17.0.0")
        with Registry({"RATE_LIMITS": "off", **upstream.environ}) as registry:
            alice = sign_up(registry, "alice", tmp_path / "alice")
            hers = alice.client()
            needs = {"express": "^4", "browserify": "*"}
            hers.run("publish", cwd=make(hers, "@alice/shop", dependencies=needs))
            project = app(hers)
            hers.run("install", "@alice/shop", cwd=project)
    for name in ("@alice/shop", "express", "accepts", "browserify"):
        assert (project / "node_modules" / name / "package.json").is_file(), name
    assert not upstream.heard("shop")


def test_you_must_be_a_paid_user_where_private_packages_are_for_subscribers(tmp_path):
    with Registry({"RATE_LIMITS": "off", "PRIVATE_PACKAGES": "subscribers"}) as registry:
        alice = sign_up(registry, "alice", tmp_path / "alice")
        hers = alice.client()
        refused = hers.run("publish", cwd=make(hers, "@alice/tool"), check=False)
        assert "402" in refused.said
        assert "You must sign up for private packages" in refused.said
        hers.run("publish", "--access", "public", cwd=make(hers, "@alice/tool"))


def test_a_scope_is_a_username_or_an_orgname(join):
    alice = join("alice")
    hers, org = alice.client(), f"{alice.name}-org"
    alice.browser.submit("/org/new", name=org, title="")
    hers.run("publish", cwd=make(hers, f"@{alice.name}/a"))
    hers.run("publish", cwd=make(hers, f"@{org}/a"))


def test_npm_init_scope_and_config_set_scope(join):
    alice = join("alice")
    hers = alice.client()
    for words in (["init", f"--scope=@{alice.name}", "--yes"], ["config", "set", "scope", f"@{alice.name}"]):
        hers.run(*words, cwd=hers.project({})) if words[0] == "config" else None
        folder = hers.home / f"fresh-{words[0]}"
        folder.mkdir()
        hers.run("init", "--yes", *(words[1:2] if words[0] == "init" else []), cwd=folder)
        assert json.loads((folder / "package.json").read_text())["name"] == f"@{alice.name}/{folder.name}"
        hers.run("publish", cwd=folder)


def test_you_see_it_on_the_website_with_a_private_flag(join):
    alice = join("alice")
    hers, name = alice.client(), f"@{alice.name}/flagged"
    hers.run("publish", cwd=make(hers, name))
    for page in (f"/package/{name}", f"/~{alice.name}", "/", "/search?q=flagged"):
        text = alice.browser.get(page).text
        assert name in text, page
        assert "Private" in text, page


def test_share_with_the_plus_button_under_collaborators(join):
    alice, bob = join("alice"), join("bob")
    hers, name = alice.client(), f"@{alice.name}/tool"
    hers.run("publish", cwd=make(hers, name))
    page = alice.browser.get(f"/package/{name}").text
    assert f'href="/package/{name}/access#add"' in page
    assert 'aria-label="Add a collaborator">' in page
    done = alice.browser.submit(
        f"/package/{name}/access/people", f"/package/{name}/access", user=bob.name, permission="read"
    )
    assert f"{bob.name} has read" in done.text
    assert ">Submit</button>" in done.text


def test_an_unknown_name_is_refused_beside_the_field(join):
    alice, bob = join("alice"), join("bobby")
    hers, name = alice.client(), f"@{alice.name}/tool"
    hers.run("publish", cwd=make(hers, name))
    form, page = f"/package/{name}/access/people", f"/package/{name}/access"
    done = alice.browser.submit(form, page, user=bob.name + "x", permission="read")
    assert f"did you mean {bob.name}" in done.text


def test_install_and_require_by_the_scoped_name(join):
    alice = join("alice")
    hers, name = alice.client(), f"@{alice.name}/project-name"
    hers.run("publish", cwd=make(hers, name))
    project = app(hers)
    hers.run("install", name, cwd=project)
    code = f"var project = require('{name}'); console.log(project)"
    said = subprocess.run([hers.words[0], "-e", code], cwd=project, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == name


def test_switching_from_private_to_public_and_back(join, registry):
    alice = join("alice")
    hers, name = alice.client(), f"@{alice.name}/tool"
    hers.run("publish", cwd=make(hers, name))
    hers.run("access", "set", "status=public", name)
    assert fetch(registry, name)[0] == 200
    assert "Private" not in alice.browser.get(f"/package/{name}").text.split("</h1>")[0]
    hers.run("access", "set", "status=private", name)
    assert fetch(registry, name)[0] == 404


def test_an_org_gives_access_through_teams(join):
    alice, bob = join("alice"), join("bob")
    hers, his, org = alice.client(), bob.client(), f"{alice.name}-org"
    alice.browser.submit("/org/new", name=org, title="")
    hers.run("publish", cwd=make(hers, f"@{org}/tool"))
    alice.browser.submit(f"/org/{org}/members", user=bob.name, role="developer")
    his.run("install", f"@{org}/tool", cwd=app(his))
    assert isinstance(his, Client)
