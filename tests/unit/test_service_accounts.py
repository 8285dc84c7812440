"""Tokens that belong to an org: they publish and install in its scope, govern nothing, and end with it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import leaks, tokens
from accounts.actor import Actor, operator
from accounts.limits import Limits
from accounts.models import AuditEvent, Token
from orgs import organizations, service_accounts
from packages import access, sharing
from packages.access import Action
from packages.models import Package, Version
from registry_site.errors import Invalid, NotAllowed, NotFound, SignInRequired
from tests.tools import payloads
from tests.tools.sessions import sign_in, turn_on_two_factor

HTML = {"accept": "text/html"}
WRITE = Limits(permission="read-write", days=10)


def actor_of(token: Token) -> Actor:
    return Actor(None, token, token.publisher)


def publish(caller, name: str, number: str = "1.0.0", **more):
    return caller.put(name.replace("/", "%2f"), payloads.publish_body(name, number, **more))


@pytest.fixture
def private(acme, publish_as, alice):
    return publish_as(alice, "@acme/x").package


@pytest.fixture
def publish_as(request):
    return request.getfixturevalue("publish")


def test_it_publishes_and_installs_in_its_scope(npm, acme, private, alice):
    _, secret = service_accounts.create(alice, "acme", "Deploy", WRITE)
    caller = npm.as_(secret)
    assert caller.get("-/whoami").json() == {"username": "acme/deploy"}
    assert publish(caller, "@acme/x", "1.1.0").status_code in (200, 201)
    assert publish(caller, "@acme/new").status_code in (200, 201)
    assert caller.get("@acme/x/-/x-1.1.0.tgz").status_code == 200
    user = caller.get("@acme/x/1.1.0").json()["_npmUser"]
    assert user == {"name": "acme/deploy", "email": "service-account@noreply.invalid"}
    version = Version.objects.get(package__name="@acme/x", number="1.1.0")
    assert (version.published_by, version.workflow) == (None, "acme/deploy")
    event = AuditEvent.objects.filter(action="version.published").latest("pk")
    assert (event.actor_name, event.credential, event.org) == ("acme/deploy", "acme/deploy", "acme")
    assert caller.put("-/package/@acme%2fx/dist-tags/next", "1.1.0").status_code in (200, 201)


def test_outside_its_scope_it_is_a_stranger(npm, acme, alice, uma, publish_as):
    publish_as(uma, "@uma/x")
    publish_as(uma, "@uma/open", access="public")
    _, secret = service_accounts.create(alice, "acme", "deploy", WRITE)
    caller = npm.as_(secret)
    before = Package.objects.count(), AuditEvent.objects.count()
    assert caller.get("@uma/x").status_code == 404
    assert caller.get("@uma/open").status_code == 200
    for name in ("@uma/x", "@uma/new", "loose", "@acmex/y"):
        assert publish(caller, name).status_code == 403, name
    assert (Package.objects.count(), AuditEvent.objects.count()) == before
    assert [each["package"]["name"] for each in caller.get("-/v1/search?text=").json()["objects"]] == ["@uma/open"]


def test_it_governs_nothing(npm, acme, private, alice, bob):
    token, secret = service_accounts.create(alice, "acme", "deploy", WRITE)
    caller, actor = npm.as_(secret), actor_of(token)
    before = AuditEvent.objects.count()
    for answer in (
        caller.post("-/package/@acme%2fx/access", {"access": "public"}),
        caller.put("-/org/acme/user", {"user": "dave", "role": "owner"}),
        caller.delete("-/org/acme/user", {"user": "bob"}),
        caller.get("-/org/acme/user"),
        caller.put("-/org/acme/team", {"name": "mine", "description": ""}),
        caller.put("-/team/acme/core/package", {"package": "@acme/x", "permissions": "read-write"}),
        caller.post("-/npm/v1/tokens", {"password": "x"}),
        caller.get("-/npm/v1/tokens"),
        caller.get("-/npm/v1/user"),
        caller.put("-/user/package/@acme%2fx/star"),
    ):
        assert answer.status_code == 403, answer.content
    for refused in (
        lambda: service_accounts.create(actor, "acme", "more", WRITE),
        lambda: service_accounts.revoke(actor, "acme", token.key),
        lambda: access.find(actor, Action.MANAGE, "@acme/x"),
        lambda: sharing.set_access(actor, "@acme/x", "public"),
    ):
        with pytest.raises(NotAllowed):
            refused()
    assert AuditEvent.objects.count() == before


def test_read_only_and_chosen_packages_narrow_it(npm, acme, private, publish_as, alice):
    publish_as(alice, "@acme/y")
    _, secret = service_accounts.create(alice, "acme", "ci", Limits(packages=["@acme/x"], days=10))
    caller = npm.as_(secret)
    assert caller.get("@acme/x").status_code == 200
    assert caller.get("@acme/y").status_code == 404
    assert publish(caller, "@acme/x", "1.1.0").status_code == 403
    token = Token.objects.get(kind="service")
    assert not access.publishable_by(actor_of(token)).filter(name="@acme/x").exists()
    _, writing = service_accounts.create(
        alice, "acme", "one", Limits(permission="read-write", packages=["@acme/x"], days=10)
    )
    assert publish(npm.as_(writing), "@acme/y", "1.1.0").status_code == 403
    assert publish(npm.as_(writing), "@acme/x", "1.1.0").status_code in (200, 201)


def test_it_survives_its_maker_s_leaving(npm, acme, private, alice, bob):
    organizations.set_member(alice, "acme", "bob", "owner")
    _, secret = service_accounts.create(bob, "acme", "deploy", WRITE)
    organizations.remove_member(alice, "acme", "bob")
    bob.user.delete()
    assert publish(npm.as_(secret), "@acme/x", "1.1.0").status_code in (200, 201)


def test_revoked_expired_or_from_elsewhere_it_is_401(npm, acme, private, alice):
    token, secret = service_accounts.create(alice, "acme", "deploy", Limits(cidr=["10.0.0.0/8"], days=10))
    assert npm.as_(secret).get("@acme/x").status_code == 401
    Token.objects.update(cidr=[])
    assert npm.as_(secret).get("@acme/x").status_code == 200
    Token.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert npm.as_(secret).get("@acme/x").status_code == 401
    assert service_accounts.listed(alice, "acme") == []
    Token.objects.update(expires_at=timezone.now() + timedelta(days=1))
    service_accounts.revoke(alice, "acme", token.key)
    assert npm.as_(secret).get("@acme/x").status_code == 401
    with pytest.raises(NotFound):
        service_accounts.revoke(alice, "acme", token.key)


def test_a_package_that_asks_for_two_factor_decides(npm, acme, private, alice):
    turn_on_two_factor(alice)
    shown = Actor(alice.user, credential="session", second_factor=True)
    _, secret = service_accounts.create(alice, "acme", "deploy", WRITE)
    sharing.set_two_factor(shown, "@acme/x", "automation")
    assert publish(npm.as_(secret), "@acme/x", "1.1.0").status_code in (200, 201)
    sharing.set_two_factor(shown, "@acme/x", "publish")
    assert publish(npm.as_(secret), "@acme/x", "1.2.0").status_code == 403


def test_a_free_plan_has_public_packages_only(npm, acme, alice, settings):
    settings.PRIVATE_PACKAGES = "subscribers"
    _, secret = service_accounts.create(alice, "acme", "deploy", WRITE)
    assert publish(npm.as_(secret), "@acme/new").status_code == 402
    assert not Package.objects.exists()


@pytest.mark.parametrize("who", ["bob", "dave", "olga"])
def test_only_owners_and_admins_make_and_see_them(request, acme, frank, alice, dave, olga, who):
    token, _ = service_accounts.create(frank, "acme", "deploy", WRITE)
    actor, before = request.getfixturevalue(who), (Token.objects.count(), AuditEvent.objects.count())
    for refused in (
        lambda: service_accounts.create(actor, "acme", "mine", WRITE),
        lambda: service_accounts.listed(actor, "acme"),
        lambda: service_accounts.revoke(actor, "acme", token.key),
    ):
        with pytest.raises(NotAllowed):
            refused()
    with pytest.raises(SignInRequired):
        service_accounts.create(Actor(), "acme", "mine", WRITE)
    assert (Token.objects.count(), AuditEvent.objects.count()) == before


def test_a_token_of_another_org_is_no_token_here(acme, alice, dave):
    organizations.create(dave, "other")
    token, _ = service_accounts.create(dave, "other", "deploy", WRITE)
    with pytest.raises(NotFound):
        service_accounts.revoke(alice, "acme", token.key)
    token.refresh_from_db()
    assert token.revoked_at is None


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("", WRITE),
        ("a b", WRITE),
        ("a/b", WRITE),
        ("x" * 31, WRITE),
        ("ok", Limits(packages=["@acmex/y"], days=1)),
        ("ok", Limits(packages=["loose"], days=1)),
        ("ok", Limits(permission="read-write", days=9999)),
        ("ok", Limits(cidr=["everywhere"], days=1)),
        ("ok", Limits(permission="read-write-stage-only", days=1)),
    ],
)
def test_what_makes_no_sense_makes_no_token(acme, alice, name, limits):
    before = AuditEvent.objects.count()
    with pytest.raises(Invalid):
        service_accounts.create(alice, "acme", name, limits)
    assert not Token.objects.filter(kind="service").exists()
    assert AuditEvent.objects.count() == before


def test_a_leaked_one_ends_and_the_org_sees_it(acme, alice, rf):
    _, secret = service_accounts.create(alice, "acme", "deploy", WRITE)
    assert leaks.report(rf.post("/"), operator(), [secret]) == 1
    assert AuditEvent.objects.filter(action="token.leaked", org="acme").exists()
    assert tokens.of_org(acme.scope) == []


def test_the_page_makes_lists_and_revokes(client, npm, acme, private, alice, bob):
    sign_in(client, alice)
    sent = {"name": "deploy", "access": "read-write", "packages": "", "cidr": "", "days": "30"}
    made = client.post("/org/acme/tokens", sent, headers=HTML).content.decode()
    token = Token.objects.get(kind="service")
    assert "It installs and publishes everything in @acme" in made
    assert "npm_" in made
    assert "acme/deploy" in client.get("/org/acme/tokens", headers=HTML).content.decode()
    refused = client.post("/org/acme/tokens", sent | {"packages": "@uma/x"}, headers=HTML).content.decode()
    assert "is not in @acme" in refused
    sign_in(client, bob)
    assert client.get("/org/acme/tokens", headers=HTML).status_code == 403
    assert client.post(f"/org/acme/tokens/{token.key}/revoke", headers=HTML).status_code == 403
    sign_in(client, alice, seconds_ago=3600)
    client.post(f"/org/acme/tokens/{token.key}/revoke", headers=HTML)
    token.refresh_from_db()
    assert token.revoked_at is None, "who showed nothing lately is asked first"
    sign_in(client, alice)
    client.post(f"/org/acme/tokens/{token.key}/revoke", headers=HTML)
    token.refresh_from_db()
    assert token.revoked_at


def test_pages_name_the_account(client, npm, acme, private, alice):
    _, secret = service_accounts.create(alice, "acme", "deploy", WRITE)
    publish(npm.as_(secret), "@acme/x", "1.1.0")
    sign_in(client, alice)
    for page in ("/package/@acme/x/versions", "/package/@acme/x/activity", "/org/acme/activity"):
        assert "acme/deploy" in client.get(page, headers=HTML).content.decode(), page


def test_it_stages_nothing_away_and_stars_nothing(npm, acme, private, alice):
    _, secret = service_accounts.create(alice, "acme", "deploy", WRITE)
    body = payloads.publish_body("@acme/x", "2.0.0")
    staged = npm.as_(secret).post("-/stage/package/@acme%2fx", body)
    assert staged.status_code in (200, 201)
    key = staged.json()["stageId"]
    assert npm.as_(secret).post(f"-/stage/{key}/approve", {}).status_code == 403
    assert not Version.objects.filter(number="2.0.0").exists()
