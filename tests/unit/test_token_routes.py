"""`npm token`: list, create with every body that clients send, revoke."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import bearer, limits, tokens
from accounts.models import AuditEvent, Token
from tests.conftest import PASSWORD, login_token
from tests.tools import payloads
from tests.tools.sessions import code, sign_in, turn_on_two_factor

ALL = "-/npm/v1/tokens"


@pytest.fixture
def bobs(npm, bob):
    return npm.as_(login_token(bob))


def create(npm, **body):
    return npm.post(ALL, {"password": PASSWORD, **body})


def made(answer) -> Token:
    assert answer.status_code == 201, answer.content
    return Token.objects.get(key=answer.json()["key"])


def test_the_list_has_what_npm_reads_and_no_secret(bobs, bob, dave):
    login_token(dave)
    secret = create(bobs, name="build", cidr_whitelist=["192.0.2.0/24"]).json()["token"]
    shown = bobs.get(ALL).json()
    assert (shown["urls"], shown["total"], len(shown["objects"])) == ({}, 2, 2)
    first = shown["objects"][0]
    assert secret.startswith(first["token"])
    assert len(first["token"]) == bearer.SHOWN
    assert (first["name"], first["readonly"], first["cidr_whitelist"]) == ("build", True, ["192.0.2.0/24"])
    assert shown["objects"][1]["cidr_whitelist"] is None
    assert all(len(each["key"]) == 32 for each in shown["objects"])
    assert secret not in bobs.get(ALL).content.decode()


def test_the_answer_to_create_has_the_whole_token_once(bobs, bob):
    answer = create(bobs, name="build")
    assert answer.status_code == 201
    shown = answer.json()
    assert bearer.is_well_formed(shown["token"])
    assert shown["cidr_whitelist"] == []
    assert shown["expires"].endswith("Z")
    assert {"key", "name", "created", "updated", "readonly"} <= set(shown)
    event = AuditEvent.objects.first()
    assert (event.action, event.person) == ("token.created", "bob")
    assert PASSWORD not in str(event.facts)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": None}, {"permission": "read-only", "name": ""}),
        ({"name": "x", "expires": 7}, {"permission": "read-only", "name": "x", "is_limited": False}),
        ({"readonly": True, "cidr_whitelist": []}, {"permission": "read-only", "cidr": []}),
        ({"readonly": False, "cidr_whitelist": []}, {"permission": "read-write", "is_limited": False}),
        ({"packages": ["@acme/x", "loose"]}, {"permission": "read-only", "packages": ["@acme/x", "loose"]}),
        (
            {"packages": ["x"], "packages_and_scopes_permission": "read-write", "bypass_2fa": True},
            {"permission": "read-write", "bypass_two_factor": True},
        ),
        ({"packages_all": True, "packages_and_scopes_permission": "read-write"}, {"permission": "read-write"}),
        ({"packages_and_scopes_permission": "read-write-stage-only"}, {"permission": "read-write-stage-only"}),
        ({"scopes": ["@acme", "uma"]}, {"scopes": ["acme", "uma"], "permission": "read-only"}),
        ({"orgs": ["acme"]}, {"orgs": ["acme"], "org_permission": "read-only", "permission": "no-access"}),
        (
            {"orgs": ["@acme"], "orgs_permission": "read-write", "packages_and_scopes_permission": "no-access"},
            {"orgs": ["acme"], "org_permission": "read-write", "permission": "no-access"},
        ),
        ({"cidr": ["10.0.0.0/8"], "token_description": "docs' names"}, {"cidr": ["10.0.0.0/8"], "name": "docs' names"}),
        ({"cidr_whitelist": ["2001:db8::/32"]}, {"cidr": ["2001:db8::/32"]}),
    ],
)
def test_every_body_that_clients_send(bobs, bob, body, expected):
    token = made(create(bobs, **body))
    assert {name: getattr(token, name) for name in expected} == expected
    assert (token.kind, token.user) == ("granular", bob.user)


def test_a_lifetime_in_days(bobs, bob):
    lives = made(create(bobs, expires=7)).expires_at - timezone.now()
    assert timedelta(days=6, hours=23) < lives <= timedelta(days=7)


@pytest.mark.parametrize(
    "body",
    [
        {"packages_all": True, "packages": ["x"]},
        {"packages": ["x"], "packages_and_scopes_permission": "no-access"},
        {"packages_and_scopes_permission": "no-access"},
        {"packages_and_scopes_permission": "admin"},
        {"orgs_permission": "read-write"},
        {"orgs": ["acme"], "orgs_permission": "owner"},
        {"orgs": ["acme"], "orgs_permission": "read-write", "bypass_2fa": True},
        {"packages": ["../x"]},
        {"packages": ["@acme/"]},
        {"packages": ["x" * 300]},
        {"packages": ["a b"]},
        {"packages": ["x\n"]},
        {"packages": [f"x{n}" for n in range(51)]},
        {"scopes": ["@a/b"]},
        {"scopes": [""]},
        {"orgs": ["ACME"]},
        {"packages": "x"},
        {"packages": [5]},
        {"packages_all": "yes"},
        {"bypass_2fa": 1},
        {"expires": 0},
        {"expires": -1},
        {"expires": 366},
        {"expires": 10**12},
        {"expires": "7"},
        {"expires": True},
        {"expires": 1.5},
        {"cidr_whitelist": ["10.0.0.0/99"]},
        {"cidr_whitelist": ["nowhere"]},
        {"cidr_whitelist": "10.0.0.0/8"},
        {"name": "two\nlines"},
        {"name": "x" * 121},
        {"name": 5},
    ],
)
def test_what_does_not_go_together_makes_no_token(bobs, bob, body):
    before = Token.objects.count(), AuditEvent.objects.count()
    answer = create(bobs, **body)
    assert answer.status_code in (400, 422), answer.content
    assert len(answer.json()["error"]) > 10
    assert (Token.objects.count(), AuditEvent.objects.count()) == before


@pytest.mark.parametrize("password", [None, "", 5, ["x"], "x\0y", "x" * 5000])
def test_without_a_password_there_is_no_token(bobs, bob, password):
    before = Token.objects.count()
    assert bobs.post(ALL, {"password": password}).status_code in (400, 422)
    assert bobs.post(ALL, {}).status_code == 400
    assert Token.objects.count() == before


def test_a_wrong_password_is_401_without_a_scheme_and_limited(bobs, bob):
    before = Token.objects.count()
    answers = [bobs.post(ALL, {"password": f"wrong {n}"}) for n in range(10)]
    assert answers[0].status_code == 401
    assert "WWW-Authenticate" not in answers[0].headers
    assert answers[-1].status_code == 429
    assert create(bobs).status_code == 429
    assert Token.objects.count() == before


def test_limits_need_not_exist_and_reach_nothing_more(npm, bobs, bob, publish, uma):
    publish(uma, "@uma/x")
    secret = create(bobs, packages=["@uma/x", "never-was"], packages_and_scopes_permission="read-write").json()["token"]
    assert npm.as_(secret).get("@uma%2fx").status_code == 404
    assert npm.as_(secret).put("@uma%2fx", payloads.publish_body("@uma/x", "1.0.1")).status_code == 403


def test_the_default_token_reads_what_its_person_reads(npm, uma, publish, blob_files):
    publish(uma, "@uma/x")
    secret = create(npm.as_(login_token(uma))).json()["token"]
    reader, kept = npm.as_(secret), blob_files()
    assert reader.get("@uma%2fx").status_code == 200
    assert reader.put("@uma%2fx", payloads.publish_body("@uma/x", "1.0.1")).status_code == 403
    assert blob_files() == kept


@pytest.mark.parametrize("method", ["get", "post"])
def test_only_login_tokens_see_and_make_tokens(npm, bob, method):
    before = Token.objects.count()
    for more in ({}, {"bypass_two_factor": True}, {"permission": "read-only"}):
        robot = npm.as_(tokens.issue(bob, bob.user, kind=Token.Kind.GRANULAR, **more)[1])
        before += 1
        answer = robot.get(ALL) if method == "get" else create(robot)
        assert answer.status_code == 403
    assert npm.get(ALL).status_code == npm.post(ALL, {"password": PASSWORD}).status_code == 401
    assert Token.objects.count() == before


def test_two_factor_is_asked_for_making_and_revoking(npm, bob):
    turn_on_two_factor(bob)
    caller = npm.as_(login_token(bob))
    refused = create(caller)
    assert (refused.status_code, refused["WWW-Authenticate"]) == (401, "OTP")
    secret = caller.post(ALL, {"password": PASSWORD}, npm_otp=code()).json()["token"]
    assert caller.delete(f"{ALL}/token/{secret}").status_code == 401
    assert npm.as_(secret).get("-/whoami").status_code == 200
    assert caller.delete(f"{ALL}/token/{secret}", npm_otp=code()).status_code == 200


@pytest.mark.parametrize("named_by", ["key", "token"])
def test_a_token_is_revoked_by_key_or_by_itself(npm, bobs, bob, named_by):
    new = create(bobs).json()
    answer = bobs.delete(f"{ALL}/token/{new[named_by]}")
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert npm.as_(new["token"]).get("-/whoami").status_code == 401
    assert bobs.delete(f"{ALL}/token/{new[named_by]}").status_code == 404
    assert AuditEvent.objects.first().action == "token.revoked"


def test_nobody_elses_token_is_revoked(npm, bobs, bob, dave):
    token, secret = tokens.issue(dave, dave.user, kind=Token.Kind.LOGIN)
    events = AuditEvent.objects.count()
    for named in (str(token.key), secret, "x", "00000000-0000-4000-8000-000000000000", "npm_"):
        assert bobs.delete(f"{ALL}/token/{named}").status_code == 404
    assert npm.as_(secret).get("-/whoami").status_code == 200
    assert AuditEvent.objects.count() == events


def test_a_bound_token_elsewhere_is_told_so_in_a_header_that_npm_knows(npm, bobs, bob):
    secret = create(bobs, cidr_whitelist=["192.0.2.0/24"]).json()["token"]
    answer = npm.as_(secret).get("-/whoami")
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "ipaddress")


def test_an_expired_token_says_when(npm, bobs, bob, time_machine):
    secret = create(bobs, expires=1).json()["token"]
    time_machine.move_to(timezone.now() + timedelta(days=2))
    answer = npm.as_(secret).get("-/whoami")
    assert (answer.status_code, "this token expired on" in answer.json()["error"]) == (401, True)


# --- the page ----------------------------------------------------------------------------------------------------

FORM = {"name": "build", "access": "read-write", "limits": "@acme/ledger", "days": "5"}


def test_the_form_takes_every_limit_and_says_what_the_token_does(client, bob):
    sign_in(client, bob)
    more = {"cidr": "192.0.2.0/24, 10.0.0.0/8", "bypass": "on"}
    answer = client.post("/settings/tokens", FORM | more).content.decode()
    token = Token.objects.get()
    assert (token.cidr, token.bypass_two_factor) == (["192.0.2.0/24", "10.0.0.0/8"], True)
    does = (
        "installs and publishes @acme/ledger, only from 192.0.2.0/24 and 10.0.0.0/8, and is never asked for two-factor"
    )
    assert does in answer
    client.post("/settings/tokens", FORM | {"orgs": "acme", "org_access": "read-write", "name": "people"})
    assert "manages the members and teams of acme" in client.get("/settings/tokens").content.decode()


@pytest.mark.parametrize(
    "more",
    [
        {"cidr": "nowhere"},
        {"orgs": "acme", "org_access": "read-write", "bypass": "on"},
        {"org_access": "read-only"},
        {"limits": "../x"},
        {"days": "0"},
        {"access": "everything"},
    ],
)
def test_a_form_that_does_not_go_together_makes_no_token(client, bob, more):
    sign_in(client, bob)
    assert client.post("/settings/tokens", FORM | more).status_code == 200
    assert not Token.objects.exists()


def test_the_summary_follows_the_form(client, bob):
    client.force_login(bob.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    summary = client.get("/settings/tokens/summary", FORM).content.decode()
    assert "<li>installs and publishes @acme/ledger</li>" in summary
    assert "5 days" in summary
    assert "Days: This field is required." in client.get("/settings/tokens/summary").content.decode()


def test_a_token_is_made_by_whoever_showed_who_they_are(client, bob):
    sign_in(client, bob, seconds_ago=301)
    asked = client.post("/settings/tokens", FORM)
    assert asked["Location"] == "/reauthenticate?next=%2Fsettings%2Ftokens"
    assert not Token.objects.exists()
    done = client.post(asked["Location"], {"password": PASSWORD, "next": "/settings/tokens"})
    assert done.status_code == 200
    assert bearer.SHAPE.search(done.content.decode()), "the form that was sent goes through behind it"
    assert Token.objects.get().name == "build"


def test_with_two_factor_on_a_password_does_not_show_who_somebody_is(client, bob):
    turn_on_two_factor(bob)
    sign_in(client, bob)
    token = tokens.issue(bob, bob.user, kind=Token.Kind.LOGIN)[0]
    for page, sent in (("/settings/tokens", FORM), (f"/settings/tokens/{token.key}/revoke", {})):
        assert client.post(page, sent)["Location"].startswith("/reauthenticate/code?next=")
    assert client.get("/reauthenticate")["Location"] == "/reauthenticate/code"
    assert list(Token.objects.values_list("revoked_at", flat=True)) == [None]
    htmx = client.post(f"/settings/tokens/{token.key}/revoke", headers={"HX-Request": "true"})
    assert htmx["HX-Redirect"].startswith("/reauthenticate/code?next=")
    sign_in(client, bob, method="mfa")
    assert client.post("/settings/tokens", FORM).status_code == 200
    assert Token.objects.count() == 2


def test_sentences():
    assert limits.sentence(limits.Limits()) == "installs everything you may use"
    staging = limits.Limits(permission="read-write-stage-only", scopes=["acme"])
    assert limits.sentence(staging) == "installs everything in @acme and uploads versions that a person releases"
