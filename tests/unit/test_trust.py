"""Trusted publishing: who sets it up, what an identity gets, and everything that is refused (D32, D33, D34)."""

from __future__ import annotations

import io
import threading
import time
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts import audit, departure, limiting, suspension
from accounts.actor import Actor, operator
from accounts.models import AuditEvent, Scope, Token
from orgs import organizations
from packages import exchange, transfers, trust
from packages.models import (
    Issuer,
    Package,
    RefusedExchange,
    SpentIdentity,
    TeamGrant,
    TrustedPublisher,
    Version,
)
from registry_site.errors import Conflict, Invalid, Malformed, NotAllowed, NotFound, OneTimePassRequired
from tests.conftest import login_token
from tests.tools import payloads
from tests.tools.issuer import GITHUB_CONFIG, TestIssuer
from tests.tools.registry_client import RegistryClient, without_reference
from tests.tools.sessions import sign_in

EXCHANGE = "-/npm/v1/oidc/token/exchange/package/{}"
HTML = {"accept": "text/html"}
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
ORG = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def issuer(db, settings):
    """A provider in GitHub's place."""
    settings.EGRESS_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    cache.clear()
    with TestIssuer() as running:
        Issuer.objects.create(name="github", title="GitHub Actions", url=running.url, claims="github")
        yield running


def sure(actor):
    """The same person, who has two-factor on and showed it."""
    if not actor.user.has_two_factor:
        TOTP.activate(actor.user, generate_totp_secret())
        actor.user.__dict__.pop("has_two_factor", None)
    return replace(actor, second_factor=True)


def trusted(actor, name: str = "@acme/ledger", permissions=("createPackage",), **claims) -> TrustedPublisher:
    return trust.add(sure(actor), name, "github", GITHUB_CONFIG | claims, list(permissions))


@pytest.fixture
def ask(npm):
    """`ask(token, name)`: the answer to an exchange, below /npm/."""

    def run(token: str, name: str = "@acme/ledger", body=None):
        return npm.as_(token).post(EXCHANGE.format(name.replace("/", "%2f")), body)

    return run


def nothing_was_given() -> None:
    assert not Token.objects.filter(kind=Token.Kind.TRUSTED).exists()
    assert not SpentIdentity.objects.exists()


# --- setting it up -----------------------------------------------------------------------------------------------


def test_owners_and_admins_trust_workflows_of_a_package_several_of_them(acme, publish, alice, frank):
    publish(alice, "@acme/ledger")
    first, second = trusted(alice), trusted(frank, environment="release")
    assert trust.of(alice, "@acme/ledger") == [first, second]
    events = AuditEvent.objects.filter(action="trust.added")
    assert [(each.actor_name, each.package, each.org) for each in events.order_by("id")] == [
        ("alice", "@acme/ledger", "acme"),
        ("frank", "@acme/ledger", "acme"),
    ]


def test_nobody_else_does(acme, publish, alice, bob, erin, carol, dave):
    publish(alice, "@acme/ledger")
    for actor in (bob, erin, carol, dave):
        for name in ("@acme/ledger", "@acme/new"):
            with pytest.raises((NotFound, NotAllowed)):
                trusted(actor, name)
            with pytest.raises((NotFound, NotAllowed)):
                trust.of(actor, name)
    assert not TrustedPublisher.objects.exists()


def test_a_stranger_hears_the_same_of_a_hidden_a_free_and_an_impossible_name(acme, publish, alice, dave):
    publish(alice, "@acme/ledger")
    said = set()
    for name in ("@acme/ledger", "@acme/nothing", "@nobody/nothing", "@acme/..", "nothing"):
        for call in (lambda: trusted(dave, name), lambda: trust.of(dave, name)):  # noqa: B023
            with pytest.raises(NotFound) as caught:
                call()
            said.add(caught.value.message.replace(name, "NAME"))
    assert len(said) == 1


def test_without_two_factor_it_is_refused_and_without_a_code_asked_for(acme, publish, alice):
    publish(alice, "@acme/ledger")
    with pytest.raises(NotAllowed, match="two-factor"):
        trust.add(alice, "@acme/ledger", "github", GITHUB_CONFIG, ["createPackage"])
    publisher = trusted(alice)
    with pytest.raises(OneTimePassRequired):
        trust.add(alice, "@acme/ledger", "github", GITHUB_CONFIG | {"environment": "x"}, ["createPackage"])
    with pytest.raises(OneTimePassRequired):
        trust.remove(alice, "@acme/ledger", str(publisher.key))
    assert TrustedPublisher.objects.count() == 1


def test_a_name_without_package_is_trusted_in_a_scope_of_ones_own_and_nowhere_else(acme, alice, uma):
    assert trusted(alice, "@acme/new")
    assert trusted(uma, "@uma/new")
    for actor, name in ((uma, "loose-name"), (uma, "@acme/new2"), (alice, "@uma/new2"), (alice, "@acme/node_modules")):
        with pytest.raises((NotFound, Invalid)):
            trusted(actor, name)
    assert list(trust.pending(uma, "uma").values_list("name", flat=True)) == ["@uma/new"]
    with pytest.raises(NotFound):
        trust.pending(uma, "acme")


def test_the_very_same_workflow_twice_is_a_conflict(acme, alice):
    trusted(alice)
    with pytest.raises(Conflict):
        trusted(alice, permissions=("createStagedPackage",))
    assert TrustedPublisher.objects.count() == 1


@pytest.mark.parametrize(
    ("kind", "claims"),
    [
        ("github", {}),
        ("github", None),
        ("github", {"repository": "acme", "workflow_ref": {"file": "publish.yml"}}),
        ("github", {"repository": "acme/ledger", "workflow_ref": {"file": "../publish.yml"}}),
        ("github", {"repository": "acme/ledger", "workflow_ref": {"file": "publish.yml@x.yml"}}),
        ("github", {"repository": "acme/ledger", "workflow_ref": "publish.yml"}),
        ("github", {"repository": "acme/*", "workflow_ref": {"file": "publish.yml"}}),
        ("github", GITHUB_CONFIG | {"ref": "refs/heads/main"}),
        ("github", GITHUB_CONFIG | {"environment": ["x"]}),
        ("gitlab", {"project_path": "acme", "ci_config_ref_uri": {"file": ".gitlab-ci.yml"}}),
        ("circleci", {"oidc.circleci.com/org-id": "acme"}),
        ("nobody", GITHUB_CONFIG),
    ],
)
def test_a_config_that_tells_no_workflow_is_refused(acme, alice, kind, claims):
    with pytest.raises(Malformed):
        trust.add(sure(alice), "@acme/ledger", kind, claims, ["createPackage"])
    assert not TrustedPublisher.objects.exists()


@pytest.mark.parametrize(
    "permissions", [[], ["everything"], "createPackage", [["createPackage"]], {"createPackage": 1}]
)
def test_permissions_are_npms_two_words(acme, alice, permissions):
    with pytest.raises(Malformed):
        trust.add(sure(alice), "@acme/ledger", "github", GITHUB_CONFIG, permissions)


def test_npm_trust_over_the_wire(acme, npm, alice, dave):
    path = "-/package/@acme%2fledger/trust"
    config = {"type": "github", "claims": GITHUB_CONFIG, "permissions": ["createPackage", "createStagedPackage"]}
    hers = npm.as_(login_token(alice))
    assert hers.post(path, [config]).status_code == 403  # no two-factor
    trusted(alice, environment="other")
    assert hers.post(path, [config]).status_code == 401  # no code
    assert [each["type"] for each in hers.get(path).json()] == ["github"]
    for body in ({}, [], [config, config], [1], "x", [{"claims": {}}]):
        assert hers.post(path, body).status_code == 400
    assert npm.get(path).status_code == 401
    assert npm.as_(login_token(dave)).get(path).status_code == 404
    assert TrustedPublisher.objects.count() == 1


# --- exchanging --------------------------------------------------------------------------------------------------


def test_a_workflow_gets_a_token_for_its_package_below_the_mount_path_and_at_the_root(acme, client, issuer, ask, alice):
    publisher = trusted(alice)
    answer = ask(issuer.token(), body=None)
    assert answer.status_code == 201
    assert set(answer.json()) == {"token", "token_type", "created", "expires"}
    assert answer.json()["token_type"] == "oidc"
    headers = {"authorization": f"Bearer {issuer.token()}"}
    path = "/" + EXCHANGE.format("@acme%2fledger")
    assert client.post(path, b"null", "application/json", headers=headers).status_code == 201
    token = Token.objects.filter(kind=Token.Kind.TRUSTED).first()
    assert (token.user, token.packages, token.permission) == (None, ["@acme/ledger"], "read-write")
    assert (token.publisher, token.publisher_key) == ("GitHub Actions", publisher.key)
    assert token.expires_at - token.created_at < timedelta(minutes=15, seconds=5)
    event = AuditEvent.objects.filter(action="trust.used").first()
    assert (event.actor_name, event.package, event.org) == ("GitHub Actions", "@acme/ledger", "acme")
    publisher.refresh_from_db()
    assert publisher.last_used_at is not None


def bearer(issuer, ask, name: str = "@acme/ledger", **claims) -> str:
    answer = ask(issuer.token(**claims), name)
    assert answer.status_code == 201, answer.content
    return answer.json()["token"]


def test_the_token_creates_the_package_with_the_orgs_usual_grants(acme, npm, issuer, ask, alice, bob):
    trusted(alice)
    workflow = npm.as_(bearer(issuer, ask))
    assert workflow.put("@acme%2fledger", payloads.publish_body("@acme/ledger", "1.0.0")).status_code in (200, 201)
    package = Package.objects.get()
    assert package.access == "restricted"
    assert [grant.team.name for grant in TeamGrant.objects.all()] == ["developers"]
    assert not package.person_grants.exists()
    version = Version.objects.get()
    assert (version.published_by, version.published_via, version.workflow) == (None, "GitHub Actions", "GitHub Actions")
    shown = npm.as_(login_token(alice)).get("@acme%2fledger").json()["versions"]["1.0.0"]["_npmUser"]
    assert shown["trustedPublisher"] == {"id": "github", "oidcConfigId": f"oidc:{TrustedPublisher.objects.get().key}"}
    assert workflow.get("@acme%2fledger").status_code == 200
    assert workflow.put("-/package/@acme%2fledger/dist-tags/next", "1.0.0").status_code in (200, 201)


def test_a_config_that_may_stage_only_gets_a_token_that_stages_only(acme, npm, issuer, ask, alice, blob_files):
    trusted(alice, permissions=("createStagedPackage",))
    workflow = npm.as_(bearer(issuer, ask))
    refused = workflow.put("@acme%2fledger", payloads.publish_body("@acme/ledger", "1.0.0"))
    assert (refused.status_code, Package.objects.exists(), blob_files()) == (403, False, [])
    assert "stage" in refused.json()["error"]


def test_d34_the_token_does_nothing_but_publish_its_package(acme, npm, issuer, ask, publish, alice, uma):
    publish(alice, "@acme/ledger")
    publish(alice, "@acme/other", access="public")
    publish(alice, "@acme/secret")
    trusted(alice)
    workflow = npm.as_(bearer(issuer, ask))
    for name in ("@acme/other", "@acme/secret", "@acme/brand-new", "brand-new", "@uma/x"):
        body = payloads.publish_body(name, "2.0.0")
        assert workflow.put(name.replace("/", "%2f"), body).status_code == 403, name
    assert workflow.get("@acme%2fsecret").status_code == 404
    path = "-/package/@acme%2fledger"
    calls = [
        ("post", f"{path}/access", {"access": "public"}),
        ("put", "-/team/acme/readers/package", {"package": "@acme/ledger", "permissions": "read-write"}),
        ("delete", "@acme%2fledger/-rev/1-x", None),
        ("post", f"{path}/trust", [{"type": "github", "claims": GITHUB_CONFIG, "permissions": ["createPackage"]}]),
        ("get", f"{path}/trust", None),
        ("post", "-/npm/v1/tokens", {"name": "x", "password": "x"}),
        ("put", "-/org/acme/user", {"user": "uma", "role": "owner"}),
    ]
    for method, address, body in calls:
        send = getattr(workflow, method)
        status = (send(address) if method == "get" else send(address, body)).status_code
        assert status in (401, 403), (method, address, status)
    assert Package.objects.count() == 3
    assert Version.objects.count() == 3
    assert TrustedPublisher.objects.count() == 1


def test_d34_the_token_ends_with_its_time_and_with_its_publisher(acme, npm, issuer, ask, publish, alice):
    publish(alice, "@acme/ledger")
    publisher = trusted(alice)
    old, young = bearer(issuer, ask), bearer(issuer, ask)
    Token.objects.filter(kind=Token.Kind.TRUSTED).order_by("created_at").first().delete()
    body = payloads.publish_body("@acme/ledger", "2.0.0")
    assert npm.as_(old).put("@acme%2fledger", body).status_code == 401
    Token.objects.filter(kind=Token.Kind.TRUSTED).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert npm.as_(young).put("@acme%2fledger", body).status_code == 401
    last = bearer(issuer, ask)
    assert npm.as_(last).get("-/whoami").status_code == 200
    trust.remove(sure(alice), "@acme/ledger", str(publisher.key))
    assert npm.as_(last).put("@acme%2fledger", body).status_code == 401
    assert ask(issuer.token()).status_code == 404
    assert Version.objects.count() == 1
    assert AuditEvent.objects.filter(action="trust.removed", package="@acme/ledger").exists()


# --- D32: once ---------------------------------------------------------------------------------------------------


def test_d32_an_identity_is_good_once_also_when_it_is_pruned_or_spelled_otherwise(acme, issuer, ask, alice):
    trusted(alice)
    token = issuer.token()
    assert ask(token).status_code == 201
    for again in (token, f"{token} ", token):
        assert ask(again).status_code == 401
    assert Token.objects.filter(kind=Token.Kind.TRUSTED).count() == 1
    spent = SpentIdentity.objects.get()
    assert spent.forget_after > timezone.now() + timedelta(seconds=300) + exchange.LEEWAY
    assert all("used already" in each.reason for each in RefusedExchange.objects.all())


def test_d32_a_refused_identity_is_not_spent_and_a_forgotten_one_has_long_expired(acme, issuer, ask, alice):
    token = issuer.token()
    assert ask(token).status_code == 404
    nothing_was_given()
    trusted(alice)
    SpentIdentity.objects.create(issuer="x", token_id="old", forget_after=timezone.now() - timedelta(seconds=1))
    assert ask(token).status_code == 201
    assert not SpentIdentity.objects.filter(token_id="old").exists()


@pytest.mark.django_db(transaction=True)
def test_d32_fifty_at_once_get_exactly_one_token(issuer, settings, django_user_model):
    from tests.conftest import person

    alice = person("alice")
    trusted(alice, "@alice/ledger")
    token, answers, start = issuer.token(), [], threading.Barrier(50)

    def run() -> None:
        try:
            client = RegistryClient(Client(), token)
            start.wait(120)
            answers.append(client.post(EXCHANGE.format("@alice%2fledger")).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    assert len(answers) == 50
    assert answers.count(201) == 1, answers
    assert set(answers) <= {201, 401, 503}
    assert Token.objects.filter(kind=Token.Kind.TRUSTED).count() == SpentIdentity.objects.count() == 1


# --- D33: whose ---------------------------------------------------------------------------------------------------

OTHERS = {
    "another repository": {"repository": "evil/ledger"},
    "a repository that begins the same": {"repository": "acme/ledger2"},
    "a workflow of another repository": {"workflow_ref": "evil/ledger/.github/workflows/publish.yml@refs/heads/main"},
    "another workflow file": {"workflow_ref": "acme/ledger/.github/workflows/test.yml@refs/heads/main"},
    "a file that ends the same": {"workflow_ref": "acme/ledger/.github/workflows/x/publish.yml@refs/heads/main"},
    "a file that begins the same": {"workflow_ref": "acme/ledger/.github/workflows/publish.yml.yml@refs/heads/main"},
    "another case of the file": {"workflow_ref": "acme/ledger/.github/workflows/Publish.yml@refs/heads/main"},
    "no workflow": {"workflow_ref": None},
    "pull_request_target": {"event_name": "pull_request_target"},
    "a pull request of a fork": {"event_name": "pull_request"},
    "workflow_run": {"event_name": "workflow_run"},
    "issue_comment": {"event_name": "issue_comment"},
    "no event": {"event_name": None},
    "no id": {"repository_id": None},
    "no owner": {"repository_owner_id": ""},
    "a list for a name": {"repository": ["acme/ledger"]},
}


@pytest.mark.parametrize("claims", OTHERS.values(), ids=OTHERS)
def test_d33_any_other_workflow_is_refused(acme, issuer, ask, alice, claims):
    trusted(alice)
    answer = ask(issuer.token(**claims))
    assert answer.status_code == 404
    nothing_was_given()
    kept = RefusedExchange.objects.get()
    assert kept.claim == next(iter(claims))
    assert kept.expected


def test_d33_names_of_repositories_have_no_case(acme, issuer, ask, alice):
    trusted(alice)
    ref = "Acme/Ledger/.github/workflows/publish.yml@refs/heads/main"
    assert ask(issuer.token(repository="Acme/Ledger", workflow_ref=ref)).status_code == 201


def test_d33_a_tag_or_branch_with_an_at_sign_is_no_way_around(acme, issuer, ask, alice):
    trusted(alice)
    good = "acme/ledger/.github/workflows/publish.yml@refs/tags/@acme/ledger@1.0.0"
    assert ask(issuer.token(workflow_ref=good)).status_code == 201
    evil = "acme/ledger/.github/workflows/evil.yml@refs/heads/x/.github/workflows/publish.yml@y"
    assert ask(issuer.token(workflow_ref=evil)).status_code == 404


@pytest.mark.parametrize("claim", ["repository_id", "repository_owner_id"])
def test_d33_a_repository_that_was_made_anew_or_handed_over_is_another(acme, issuer, ask, alice, claim):
    trusted(alice)
    assert ask(issuer.token()).status_code == 201
    assert ask(issuer.token(**{claim: "9999"})).status_code == 404
    kept = RefusedExchange.objects.get()
    assert (kept.claim, kept.got) == (claim, "9999")
    assert ask(issuer.token()).status_code == 201


def test_d33_an_environment_that_is_asked_for_has_to_be_there(acme, issuer, ask, alice):
    trusted(alice, environment="Release")
    for environment in (None, "", "test"):
        assert ask(issuer.token(environment=environment)).status_code == 404
    assert ask(issuer.token(environment="release")).status_code == 201


def test_several_workflows_are_tried_and_the_nearest_is_told_of(acme, issuer, ask, alice):
    trusted(alice, repository="acme/elsewhere")
    trusted(alice, environment="release")
    assert ask(issuer.token(environment="test")).status_code == 404
    assert RefusedExchange.objects.get().claim == "environment"
    trusted(alice)
    assert ask(issuer.token()).status_code == 201


GITLAB = {
    "project_path": "acme/tools/ledger",
    "project_id": "5",
    "namespace_id": "6",
    "pipeline_source": "push",
    "environment": "release",
}
GITLAB_CONFIG = {
    "project_path": "acme/tools/ledger",
    "ci_config_ref_uri": {"file": ".gitlab-ci.yml"},
    "environment": "release",
}


def test_gitlab(acme, issuer, ask, alice):
    Issuer.objects.update(name="gitlab", title="GitLab", claims="gitlab")
    trust.add(sure(alice), "@acme/ledger", "gitlab", GITLAB_CONFIG, None)
    host = issuer.url.partition("://")[2]
    good = GITLAB | {"ci_config_ref_uri": f"{host}/acme/tools/ledger//.gitlab-ci.yml@refs/heads/main"}
    assert ask(issuer.token(**good)).status_code == 201
    for other in (
        {"project_path": "acme/tools/other"},
        {"ci_config_ref_uri": f"{host}/acme/tools/other//.gitlab-ci.yml@refs/heads/main"},
        {"ci_config_ref_uri": "gitlab.com/acme/tools/ledger//.gitlab-ci.yml@refs/heads/main"},
        {"ci_config_ref_uri": f"{host}/acme/tools/ledger//x/.gitlab-ci.yml@refs/heads/main"},
        {"ci_config_ref_uri": None},
        {"environment": "Release"},
        {"pipeline_source": "merge_request_event"},
        {"pipeline_source": None},
        {"project_id": "7"},
        {"namespace_id": "8"},
    ):
        assert ask(issuer.token(**(good | other))).status_code == 404, other
    assert Token.objects.filter(kind=Token.Kind.TRUSTED).count() == 1


def test_circleci(acme, issuer, ask, alice):
    Issuer.objects.update(name="circleci", title="CircleCI", claims="circleci")
    ids = {f"oidc.circleci.com/{name}": ORG for name in ("org-id", "project-id", "pipeline-definition-id")}
    config = ids | {"oidc.circleci.com/vcs-origin": "github.com/acme/ledger", "oidc.circleci.com/context-ids": [ORG]}
    trust.add(sure(alice), "@acme/ledger", "circleci", config, None)
    good = config | {"oidc.circleci.com/context-ids": [ORG, "other"], "oidc.circleci.com/ssh-rerun": False, "jti": None}
    token = issuer.token(**good)
    assert ask(token).status_code == 201
    assert ask(token).status_code == 401  # D32 holds without a jti, too
    for other in (
        {"oidc.circleci.com/org-id": ORG.replace("1", "2")},
        {"oidc.circleci.com/project-id": None},
        {"oidc.circleci.com/pipeline-definition-id": ORG.replace("1", "2")},
        {"oidc.circleci.com/vcs-origin": "github.com/evil/ledger"},
        {"oidc.circleci.com/context-ids": ["other"]},
        {"oidc.circleci.com/context-ids": None},
        {"oidc.circleci.com/ssh-rerun": True},
        {"oidc.circleci.com/ssh-rerun": None},
    ):
        assert ask(issuer.token(**(good | other))).status_code == 404, other


def test_any_other_issuer_by_claims_that_the_config_names(acme, issuer, ask, alice):
    Issuer.objects.update(name="buildfarm", title="Build farm", claims="any")
    trust.add(sure(alice), "@acme/ledger", "buildfarm", {"pipeline": "ledger", "protected": "true"}, None)
    assert ask(issuer.token(pipeline="ledger", protected=True)).status_code == 201
    for other in ({"pipeline": "Ledger"}, {"protected": False}, {"protected": None}, {"pipeline": ["ledger"]}):
        claims = {"pipeline": "ledger", "protected": True} | other
        assert ask(issuer.token(**claims)).status_code == 404
    for claims in ({}, {"iss": "x"}, {"sub": ""}, {"sub": 5}):
        with pytest.raises(Malformed):
            trust.add(sure(alice), "@acme/ledger", "buildfarm", claims, None)


def test_an_identity_of_one_issuer_is_none_of_another_with_the_same_claims(acme, issuer, ask, alice):
    trusted(alice)
    with TestIssuer() as other:
        Issuer.objects.create(name="other", title="Other", url=other.url, claims="github")
        assert ask(other.token()).status_code == 404
    assert RefusedExchange.objects.get().claim == "iss"
    nothing_was_given()


# --- what a refusal says, and to whom ----------------------------------------------------------------------------


def test_a_refusal_tells_nothing_of_the_package_and_its_owners_see_what_differed(
    acme, issuer, ask, publish, alice, dave
):
    publish(alice, "@acme/hidden")
    trusted(alice, "@acme/pending")
    said = set()
    for name in ("@acme/hidden", "@acme/pending", "@acme/none", "@nobody/none", "none", "@acme/.."):
        answer = ask(issuer.token(repository="evil/x"), name)
        text = without_reference(answer).decode().replace(name, "NAME")
        said.add((answer.status_code, text, answer.headers["Cache-Control"]))
    assert len(said) == 1
    names = set(RefusedExchange.objects.values_list("name", flat=True))
    assert names == {"@acme/hidden", "@acme/pending"}
    assert [each.got for each in trust.refusals(["@acme/pending"])] == ["evil/x"]


def test_what_is_no_identity_is_refused_and_kept_once(acme, issuer, ask, npm, alice):
    trusted(alice)
    for bad in ("x", "npm_" + "a" * 48, login_token(alice), issuer.token(aud="npm:other"), issuer.token(exp=1, iat=1)):
        assert ask(bad).status_code == 401
        assert ask(bad).status_code == 401
    assert npm.post(EXCHANGE.format("@acme%2fledger")).status_code == 401
    assert ask(issuer.token(), body={"x": 1}).status_code == 400
    nothing_was_given()
    kept = list(RefusedExchange.objects.values_list("reason", flat=True))
    assert sum("send the identity token" in reason for reason in kept) == 1
    assert not RefusedExchange.objects.filter(got__contains="npm_").exists()


def test_only_the_last_twenty_refusals_are_kept(acme, issuer, ask, alice):
    trusted(alice)
    for number in range(25):
        ask(issuer.token(repository=f"evil/{number}"))
    kept = list(RefusedExchange.objects.values_list("got", flat=True))
    assert kept == [f"evil/{number}" for number in range(24, 4, -1)]


def test_an_issuer_that_does_not_answer_gives_nobody_a_token(acme, issuer, ask, alice):
    trusted(alice)
    issuer.status = 500
    assert ask(issuer.token()).status_code == 503
    nothing_was_given()


def test_the_public_address_is_the_audience_and_not_what_a_request_says(acme, issuer, ask, alice, settings):
    trusted(alice)
    settings.PUBLIC_URL = "https://npm.example.com:8443"
    assert ask(issuer.token()).status_code == 401
    for audience in ("npm:npm.example.com", "npm:npm.example.com:8443"):
        assert ask(issuer.token(aud=audience)).status_code == 201


# --- pages -------------------------------------------------------------------------------------------------------


@pytest.fixture
def browse(client, monkeypatch):
    """`browse(alice)`: her browser, in which she showed a second factor."""
    from accounts import stepup

    def run(actor, *, shown: bool = True):
        sure(actor)
        monkeypatch.setattr(stepup, "showed_second_factor", lambda request: shown)
        client.force_login(actor.user, backend=BACKEND)
        return client

    return run


FIELDS = {
    "kind": "github",
    "github-repository": "acme/ledger",
    "github-file": "publish.yml",
    "github-publish": "on",
}


def test_the_settings_page_adds_lists_and_removes(acme, publish, browse, issuer, ask, alice):
    publish(alice, "@acme/ledger")
    page = browse(alice)
    address = "/package/@acme/ledger/settings"
    assert "Add a workflow of GitHub Actions" in page.get(address, headers=HTML).content.decode()
    assert page.post(f"{address}/trust", FIELDS, headers=HTML).status_code == 302
    publisher = TrustedPublisher.objects.get()
    assert (publisher.claims, publisher.permissions) == (GITHUB_CONFIG, ["createPackage"])
    ask(issuer.token(repository="evil/<script>"))
    shown = page.get(address, headers=HTML).content.decode()
    for text in ("acme/ledger, publish.yml", "Refused lately", "repository", "evil/&lt;script&gt;", "never used"):
        assert text in shown
    again = page.post(f"{address}/trust", FIELDS, headers=HTML)
    assert "trusted already" in again.content.decode()
    wrong = page.post(f"{address}/trust", FIELDS | {"github-file": "a/b.yml"}, headers=HTML).content.decode()
    assert "the name of a file in .github/workflows" in wrong
    assert TrustedPublisher.objects.count() == 1
    assert page.post(f"{address}/trust", {"remove": str(publisher.key)}, headers=HTML).status_code == 302
    assert not TrustedPublisher.objects.exists()


def test_every_kind_has_a_form_that_works(acme, publish, browse, issuer, alice):
    publish(alice, "@acme/ledger")
    Issuer.objects.create(name="farm", title="Build farm", url="https://farm.example", claims="any")
    page = browse(alice)
    gitlab = {
        "gitlab-project": "acme/x",
        "gitlab-file": ".gitlab-ci.yml",
        "gitlab-environment": "",
        "gitlab-stage": "on",
    }
    circle = dict.fromkeys(("circleci-org", "circleci-project", "circleci-definition"), ORG)
    circle |= {"circleci-origin": "github.com/acme/x", "circleci-contexts": ORG, "circleci-publish": "on"}
    farm = {"farm-wanted": "sub = pipeline:ledger = x\nref=main", "farm-publish": "on"}
    for kind, fields in (("gitlab", gitlab), ("circleci", circle), ("farm", farm)):
        done = page.post("/package/@acme/ledger/settings/trust", {"kind": kind, **fields}, headers=HTML)
        assert done.status_code == 302, done.content.decode()
    stored = {each.kind: each for each in TrustedPublisher.objects.all()}
    assert stored["gitlab"].permissions == ["createStagedPackage"]
    assert stored["farm"].claims == {"sub": "pipeline:ledger = x", "ref": "main"}
    assert page.post("/package/@acme/ledger/settings/trust", {"kind": "x"}, headers=HTML).status_code == 404


def test_a_session_without_a_second_factor_is_sent_to_show_it(acme, publish, browse, alice):
    publish(alice, "@acme/ledger")
    page = browse(alice, shown=False)
    address = "/package/@acme/ledger/settings"
    assert "Show a second factor" in page.get(address, headers=HTML).content.decode()
    sent = page.get(f"{address}?confirm=1", headers=HTML)["Location"]
    assert parse_qs(urlsplit(sent).query)["next"] == [f"{address}?confirm=1"]
    assert "reauthenticate" in page.post(f"{address}/trust", FIELDS, headers=HTML)["Location"]
    assert not TrustedPublisher.objects.exists()


def test_a_scope_has_a_page_for_names_without_package(acme, browse, npm, issuer, ask, alice, uma):
    page = browse(alice)
    fields = FIELDS | {"github-package": "ledger"}
    assert page.post("/trust/@acme", fields, headers=HTML).status_code == 302
    assert TrustedPublisher.objects.get().name == "@acme/ledger"
    assert "@acme/ledger" in page.get("/trust/@acme", headers=HTML).content.decode()
    assert "/trust/@acme" in page.get("/org/acme", headers=HTML).content.decode()
    npm.as_(bearer(issuer, ask)).put("@acme%2fledger", payloads.publish_body("@acme/ledger", "1.0.0"))
    assert "@acme/ledger" not in page.get("/trust/@acme", headers=HTML).content.decode()
    head = page.get("/package/@acme/ledger/settings", headers=HTML).content.decode()
    assert "by GitHub Actions" in head
    theirs = browse(uma)
    assert theirs.get("/trust/@acme", headers=HTML).status_code == 404
    assert theirs.post("/trust/@acme", fields, headers=HTML).status_code == 404
    assert theirs.get("/trust/@uma", headers=HTML).status_code == 200
    assert theirs.get("/trust/@nobody", headers=HTML).status_code == 404
    assert TrustedPublisher.objects.count() == 1


def test_who_left_the_org_changes_nothing_any_more(acme, alice, frank):
    publisher = trusted(frank)
    organizations.remove_member(alice, "acme", "frank")
    with pytest.raises(NotFound):
        trust.remove(sure(frank), "@acme/ledger", str(publisher.key))
    trust.remove(sure(alice), "@acme/ledger", str(publisher.key))
    assert not TrustedPublisher.objects.exists()


def test_a_publish_of_a_trusted_token_asks_the_policy_again(acme, npm, issuer, ask, publish, alice):
    """A right that ended while an upload ran is gone: the token's package only, and nothing from elsewhere."""
    trusted(alice)
    secret = bearer(issuer, ask)
    publish(alice, "@acme/ledger")
    Package.objects.update(mirrored=True)
    body = payloads.publish_body("@acme/ledger", "2.0.0")
    assert npm.as_(secret).put("@acme%2fledger", body).status_code == 403
    assert Version.objects.count() == 1


# --- operators ---------------------------------------------------------------------------------------------------


def test_an_operator_registers_an_issuer_and_a_wrong_one_is_refused_in_one_sentence(db):
    call_command("add_issuer", "farm", "https://farm.example/oidc", "--title", "Build farm", stdout=io.StringIO())
    assert AuditEvent.objects.get().action == "issuer.added"
    wrong = [
        ["farm", "https://other.example"],
        ["other", "https://farm.example/oidc"],
        ["Farm 2", "https://other.example"],
        ["other", "ftp://other.example"],
        ["other", "https://user:word@other.example"],
        ["other", "https://other.example/?x=1"],
        ["other", "https://gitlab.com"],
        ["other", "https://oidc.circleci.com/org/x"],
        ["other", "https://other.example", "--claims", "jenkins"],
        ["github", "https://other.example", "--claims", "any"],
    ]
    for words in wrong:
        with pytest.raises(CommandError):
            call_command("add_issuer", *words, stdout=io.StringIO())
    assert Issuer.objects.count() == AuditEvent.objects.count() == 1


def test_a_built_in_issuer_is_not_replaced_under_packages_that_trust_it(acme, alice):
    trust.add(sure(alice), "@acme/ledger", "gitlab", GITLAB_CONFIG, None)
    with pytest.raises(CommandError, match="take them over"):
        call_command("add_issuer", "gitlab", "https://git.acme.example", "--claims", "gitlab", stdout=io.StringIO())


def test_the_admin_site_makes_the_same_checks_and_ends_tokens_with_their_publisher(
    acme, issuer, ask, client, alice, olga
):
    publisher = trusted(alice)
    bearer(issuer, ask)
    sign_in(client, olga)
    new = {"name": "farm", "title": "Farm", "url": "https://farm.example", "claims": "any"}
    assert client.post("/admin/packages/issuer/add/", new, headers=HTML).status_code == 302
    for wrong in ({"name": "gitlab"}, {"name": "x", "url": "file:///x"}, {"name": "x", "url": "https://gitlab.com"}):
        assert client.post("/admin/packages/issuer/add/", new | wrong, headers=HTML).status_code == 200
    in_use = Issuer.objects.get(name="github")
    sent = {"post": "yes"}
    assert client.post(f"/admin/packages/issuer/{in_use.pk}/delete/", sent, headers=HTML).status_code == 403
    bulk = {"action": "delete_selected", "_selected_action": [in_use.pk], "post": "yes"}
    client.post("/admin/packages/issuer/", bulk, headers=HTML)
    assert Issuer.objects.count() == 2
    done = client.post(f"/admin/packages/trustedpublisher/{publisher.pk}/delete/", sent, headers=HTML)
    assert done.status_code == 302
    assert not TrustedPublisher.objects.exists()
    assert Token.objects.get(kind=Token.Kind.TRUSTED).revoked_at is not None


def test_who_is_refused_again_and_again_has_to_wait(acme, issuer, ask, alice, time_machine):
    trusted(alice)
    time_machine.move_to(timezone.now(), tick=False)  # all of it in one minute
    statuses = {ask("nonsense").status_code for _ in range(limiting.most("refused-exchange")[0])}
    assert statuses == {401}
    assert ask(issuer.token()).status_code == 429
    nothing_was_given()


def test_workflows_of_a_suspended_person_publish_nothing(issuer, ask, npm, uma, olga):
    operator = Actor(olga.user, credential="operator")
    trusted(uma, "@uma/x")
    caller = npm.as_(bearer(issuer, ask, "@uma/x"))
    suspension.suspend(operator, "uma", "spam")
    assert caller.put("@uma%2fx", payloads.publish_body("@uma/x", "1.0.0")).status_code == 401
    refused = ask(issuer.token(), "@uma/x")
    assert refused.status_code == 404
    assert not Version.objects.exists()
    suspension.unsuspend(operator, "uma")
    assert ask(issuer.token(), "@uma/x").status_code == 201


def test_d34_workflows_of_somebody_who_left_publish_nothing(issuer, acme, ask, npm, uma, alice):
    trusted(uma, "@uma/x")
    caller = npm.as_(bearer(issuer, ask, "@uma/x"))
    departure.delete(replace(sure(uma), recent=True), "uma")
    assert not TrustedPublisher.objects.exists()
    assert caller.put("@uma%2fx", payloads.publish_body("@uma/x", "1.0.0")).status_code == 401
    left_over = trusted(alice)
    TrustedPublisher.objects.filter(pk=left_over.pk).update(name="@uma/x")
    assert ask(issuer.token(), "@uma/x").status_code == 404, "nobody holds the scope"
    assert not Version.objects.exists()


def test_d34_whoever_gets_a_scope_gets_it_without_the_workflows_of_who_had_it(issuer, acme, ask, uma, alice, publish):
    publish(uma, "@uma/x", access="public")
    trusted(uma, "@uma/x")
    Scope.objects.filter(name="uma").update(
        user=None
    )  # as of an account that was deleted before packages were asked of
    transfers.transfer(operator(alice.user), "@uma/x", "alice")
    assert not TrustedPublisher.objects.exists()
    assert ask(issuer.token(), "@uma/x").status_code == 404


def test_61_an_identity_that_is_older_than_a_restore_may_have_been_spent(acme, issuer, ask, alice):
    trusted(alice)
    with transaction.atomic():
        audit.record(operator(), audit.RESTORED, backup="x", numbers=0, tokens=0)
    assert ask(issuer.token(iat=int(time.time()) - 60)).status_code == 401
    nothing_was_given()
    assert ask(issuer.token(iat=int(time.time()) + 2)).status_code == 201
