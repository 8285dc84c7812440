"""Trusted publishing with real npm: a workflow shows who it is, and publishes with no other credential."""

from __future__ import annotations

import json
import time

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

from tests.live import app, fetch, make
from tests.tools import clients
from tests.tools.issuer import TestIssuer
from tests.tools.server import Registry

pytestmark = pytest.mark.protocol

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
WORDS = ("--repository", "acme/ledger", "--file", "publish.yml", "--allow-publish", "--yes")


@pytest.fixture(scope="module")
def issuer():
    """What stands for GitHub in these tests."""
    with TestIssuer() as running:
        yield running


@pytest.fixture(scope="module")
def registry(issuer):
    """A registry that may reach it, and whose operator put it in GitHub's place."""
    with Registry({"RATE_LIMITS": "off", "EGRESS_ALLOWED_NETWORKS": "127.0.0.0/8"}) as running:
        running.manage("add_issuer", "github", issuer.url, "--claims", "github", "--title", "GitHub Actions")
        yield running


def set_up_codes(registry, person) -> None:
    """An authenticator app for somebody, who is asked for codes by what always asks."""
    registry.manage(
        "shell", "-c",
        "from accounts.models import User; from allauth.mfa.totp.internal.auth import TOTP; "
        f"user = User.objects.get(username={person.name!r}); TOTP.activate(user, {SECRET!r}); "
        "user.two_factor_mode = 'auth-only'; user.save()",
    )  # fmt: skip


def code() -> str:
    """What the app shows now; the same command line may repeat it."""
    return format_hotp_value(hotp_value(SECRET, int(time.time()) // 30))


def workflow(token: str) -> dict[str, str]:
    """The environment of a run in GitHub Actions."""
    return {"GITHUB_ACTIONS": "true", "CI": "true", "NPM_ID_TOKEN": token}


def identity(issuer, **claims) -> str:
    return issuer.token(aud="npm:127.0.0.1", **claims)


def test_npm_trust_then_a_workflow_publishes_with_no_other_credential(registry, issuer, join):
    alice = join("alice", registry)
    set_up_codes(registry, alice)
    name = f"@{alice.name}/ledger"
    hers = alice.client()
    said = hers.run("trust", "github", name, *WORDS, env={"npm_config_otp": code()}).said
    assert "created successfully" in said

    ci = alice.client(logged_in=False)
    folder = make(ci, name)
    ci.run("publish", cwd=folder, env=workflow(identity(issuer)))
    status, body, _ = fetch(registry, name.replace("/", "%2f"), alice.token)
    packument = json.loads(body)
    assert status == 200
    user = packument["versions"]["1.0.0"]["_npmUser"]
    assert (user["name"], user["trustedPublisher"]["id"]) == ("GitHub Actions", "github")
    assert user["trustedPublisher"]["oidcConfigId"].startswith("oidc:")
    hers.run("install", name, cwd=app(hers))

    listed = json.loads(fetch(registry, f"-/package/{name.replace('/', '%2f')}/trust", alice.token)[1])
    assert user["trustedPublisher"]["oidcConfigId"] == f"oidc:{listed[0]['id']}"
    assert listed[0]["id"] in hers.run("trust", "list", name).said
    hers.run("trust", "revoke", name, "--id", listed[0]["id"], env={"npm_config_otp": code()})
    assert "No trust configurations" in hers.run("trust", "list", name).said
    make_next = make(ci, name, "1.0.1")
    assert ci.run("publish", cwd=make_next, env=workflow(identity(issuer)), check=False).code != 0


def test_the_token_of_one_package_publishes_no_other(registry, issuer, join):
    alice = join("alice", registry)
    set_up_codes(registry, alice)
    hers, ci = alice.client(), alice.client(logged_in=False)
    name, other = f"@{alice.name}/ledger", f"@{alice.name}/other"
    hers.run("trust", "github", name, *WORDS, env={"npm_config_otp": code()})
    refused = ci.run("publish", cwd=make(ci, other), env=workflow(identity(issuer)), check=False)
    assert refused.code != 0
    assert "ENEEDAUTH" in refused.said
    status, body, _ = exchanged(registry, name, identity(issuer))
    assert status == 201
    ci.login_token(json.loads(body)["token"])
    refused = ci.run("publish", cwd=make(ci, other), check=False)
    assert "limited to other packages" in refused.said
    assert fetch(registry, other.replace("/", "%2f"), alice.token)[0] == 404
    assert ci.run("publish", cwd=make(ci, name)).code == 0


def test_the_tags_of_a_workflow_go_by_its_identity_too(registry, issuer, join):
    alice = join("alice", registry)
    set_up_codes(registry, alice)
    hers, ci = alice.client(), alice.client(logged_in=False)
    name = f"@{alice.name}/ledger"
    hers.run("trust", "github", name, *WORDS, env={"npm_config_otp": code()})
    ci.run("publish", cwd=make(ci, name), env=workflow(identity(issuer)))
    ci.run("dist-tag", "add", f"{name}@1.0.0", "stable", env=workflow(identity(issuer)))
    assert hers.run("dist-tag", "ls", name).stdout.split() == ["latest:", "1.0.0", "stable:", "1.0.0"]


def test_the_owner_sees_on_the_page_why_a_workflow_was_refused(registry, issuer, join):
    alice = join("alice", registry)
    name = f"@{alice.name}/ledger"
    hers, ci = alice.client(), alice.client(logged_in=False)
    hers.run("publish", cwd=make(hers, name))
    page = f"/package/{name}/settings"
    assert "turn on" in alice.browser.get(page).text
    set_up_codes(registry, alice)
    assert "Show a second factor" in alice.browser.get(page).text
    asked = alice.browser.get(f"{page}?confirm=1")
    shown = alice.browser.submit(asked.address, code=code())
    assert "Add a workflow of GitHub Actions" in shown.text, shown.address
    fields = {
        "kind": "github",
        "github-repository": "acme/ledger",
        "github-file": "publish.yml",
        "github-publish": "on",
    }
    assert "acme/ledger, publish.yml" in alice.browser.submit(f"{page}/trust", page, **fields).text
    stranger = identity(issuer, repository="evil/fork", workflow_ref="evil/fork/.github/workflows/publish.yml@main")
    folder = make(ci, name, "2.0.0")
    assert ci.run("publish", cwd=folder, env=workflow(stranger), check=False).code != 0
    refused = alice.browser.get(page).text
    assert "Refused lately" in refused
    assert "evil/fork" in refused
    ci.run("publish", cwd=folder, env=workflow(identity(issuer)))
    assert "by GitHub Actions" in alice.browser.get(f"/package/{name}").text


@pytest.mark.parametrize("kind", [("pnpm", 12), ("yarn", 4)], ids="{0[0]}".format)
def test_other_clients_exchange_below_the_mount_path(registry, issuer, join, kind):
    alice = join("alice", registry)
    set_up_codes(registry, alice)
    name = f"@{alice.name}/ledger"
    alice.client().run("trust", "github", name, *WORDS, env={"npm_config_otp": code()})
    try:
        ci = alice.client(*kind, logged_in=False)
    except clients.Unavailable as reason:
        pytest.skip(str(reason))
    words = ["npm", "publish"] if kind[0] == "yarn" else ["publish", "--no-git-checks"]
    folder = make(ci, name)
    if kind[0] == "yarn":
        (folder / "yarn.lock").touch()
        ci.run("install", cwd=folder)
    env = {"GITLAB_CI": "true", "CI": "true", "NPM_ID_TOKEN": identity(issuer)}
    ci.run(*words, cwd=folder, env=env)
    status, body, _ = fetch(registry, name.replace("/", "%2f"), alice.token)
    assert (status, json.loads(body)["versions"]["1.0.0"]["_npmUser"]["name"]) == (200, "GitHub Actions")


def exchanged(registry, name: str, token: str):
    """The exchange by hand, below the mount path, as pnpm and yarn do it."""
    return fetch(registry, f"-/npm/v1/oidc/token/exchange/package/{name.replace('/', '%2f')}", token, "POST")
