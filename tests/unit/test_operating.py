"""Operators: their home, and what they do to people, packages and versions; each asked for, each in the audit log."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import suspension, tokens
from accounts.actor import Actor
from accounts.models import AuditEvent, Scope, Token, User
from orgs.models import Membership, Org
from packages import access, quarantine, sharing, transfers
from packages.access import Action
from packages.models import DownloadCount, Package, PersonGrant, Version
from registry_site.errors import BadCredential, Conflict, Invalid, NotAllowed, NotFound
from tests.conftest import PASSWORD, login_token
from tests.policy.world import snapshot
from tests.tools.sessions import sign_in

HTML = {"accept": "text/html"}


@pytest.fixture
def operator(olga) -> Actor:
    return Actor(olga.user, credential="operator")


@pytest.fixture
def as_operator(client, olga):
    sign_in(client, olga)
    return client


def choose(client, model, action: str, rows, **said):
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return client.post(address, {"action": action, "_selected_action": [row.pk for row in rows], **said}, headers=HTML)


def entered(name: str) -> Client:
    """A browser in which this person signed in."""
    browser = Client()
    browser.post("/login", {"login": name, "password": PASSWORD})
    return browser


# --- the home ----------------------------------------------------------------------------------------------------


def test_the_home_says_how_the_registry_does(as_operator, publish, uma, operator, settings):
    version = publish(uma, "@uma/x")
    publish(uma, "@uma/x", "1.1.0")
    quarantine.hold(operator, "@uma/x", "1.1.0", "malware")
    DownloadCount.objects.create(package=version.package, version=version, day=timezone.now().date(), count=12345)
    shown = as_operator.get("/admin/", headers=HTML).content.decode()
    assert "12,345" in shown
    assert "1 in quarantine" in shown
    assert "PUBLIC_URL is not set" in shown
    assert "Operators without two-factor: olga" in shown
    assert "quarantined 1.1.0: malware" in shown
    assert "style=" not in shown, "a strict policy lets no style in"


def test_the_home_costs_the_same_however_much_there_is(as_operator, publish, uma, django_assert_max_num_queries):
    for n in range(12):
        publish(uma, "@uma/x", f"1.0.{n}")
    with django_assert_max_num_queries(32):
        as_operator.get("/admin/", headers=HTML)


def test_nobody_but_staff_sees_the_home(client, alice):
    sign_in(client, alice)
    answer = client.get("/admin/", headers=HTML)
    assert answer.status_code in (302, 403)
    assert b"Operator home" not in answer.content


def test_c30_a_change_asks_an_operator_who_was_away_who_is_there(client, olga, alice):
    sign_in(client, olga, seconds_ago=301)
    before = AuditEvent.objects.count()
    answer = choose(client, User, "suspend", [alice.user], confirmed="yes", reason="x")
    assert answer["Location"].startswith("/reauthenticate")
    assert User.objects.get(pk=alice.user.pk).is_active
    assert AuditEvent.objects.count() == before


@pytest.mark.parametrize("secret", ["data", "session_key", "args_kwargs", "digest"])
def test_no_page_of_an_operator_shows_what_opens_an_account(as_operator, secret):
    for model, page in admin.site._registry.items():
        names = {field.name for field in model._meta.get_fields()}
        if secret in names:
            assert secret in (page.exclude or ()) or secret not in (page.fields or ()), model
            assert secret in (page.exclude or ()) or page.fields, model


# --- people ------------------------------------------------------------------------------------------------------


def test_suspending_asks_first_and_shows_who(as_operator, alice, bob):
    shown = choose(as_operator, User, "suspend", [alice.user, bob.user]).content.decode()
    assert "alice@example.com" in shown
    assert "bob@example.com" in shown
    unsaid = choose(as_operator, User, "suspend", [alice.user], confirmed="yes", reason=" ")
    assert "This field is required" in unsaid.content.decode()
    assert User.objects.filter(is_active=False).count() == 0


def test_a_suspended_person_is_out_at_once_and_keeps_everything(npm, as_operator, publish, uma, hugo):
    publish(uma, "@uma/x", access="public")
    sharing.grant_person(uma, "@uma/x", "hugo", "read-write")
    secret = login_token(uma)
    browser = entered("uma")
    assert browser.get("/settings/profile", headers=HTML).status_code == 200
    choose(as_operator, User, "suspend", [uma.user], confirmed="yes", reason="sends spam")
    refused = npm.as_(secret).get("-/whoami")
    assert refused.status_code == 401
    assert "this account is suspended; ask the operators" in refused.json()["error"]
    assert browser.get("/settings/profile", headers=HTML).status_code == 302
    browser.post("/login", {"login": "uma", "password": PASSWORD})
    assert "_auth_user_id" not in browser.session
    assert npm.get("@uma/x").status_code == 200, "what was published stays"
    assert PersonGrant.objects.count() == 1
    event = AuditEvent.objects.filter(action="user.suspended").get()
    assert (event.actor_name, event.credential, event.person) == ("olga", "operator", "uma")
    assert event.facts == {"reason": "sends spam"}


def test_a_suspended_person_comes_back_by_signing_in_anew(npm, operator, uma):
    browser, secret = entered("uma"), login_token(uma)
    assert browser.get("/settings/profile", headers=HTML).status_code == 200
    suspension.suspend(operator, "uma", "a stolen laptop")
    suspension.unsuspend(operator, "uma")
    assert npm.as_(secret).get("-/whoami").json() == {"username": "uma"}
    assert browser.get("/settings/profile", headers=HTML).status_code == 302, "a browser session does not come back"


def test_a_reset_of_the_password_says_nothing_about_a_suspended_person(client, operator, uma, dave):
    suspension.suspend(operator, "uma", "spam")
    told = [
        client.post("/password/reset", {"email": email}, headers=HTML)
        for email in ("uma@example.com", "dave@example.com", "nobody@example.com")
    ]
    assert len({(each.status_code, each["Location"]) for each in told}) == 1


@pytest.mark.parametrize(
    ("name", "reason", "refusal"),
    [("olga", "x", Conflict), ("nobody", "x", NotFound), ("uma", "  ", Invalid), ("uma", "x" * 201, Invalid)],
)
def test_who_cannot_be_suspended(operator, uma, name, reason, refusal):
    before = AuditEvent.objects.count()
    with pytest.raises(refusal):
        suspension.suspend(operator, name, reason)
    assert not User.objects.filter(is_active=False).exists()
    assert AuditEvent.objects.count() == before


def test_only_operators_suspend(alice, uma, olga):
    for actor in (alice, olga):  # a superuser's session on a page is no operator
        with pytest.raises(NotAllowed):
            suspension.suspend(actor, "uma", "x")
    assert User.objects.get(pk=uma.user.pk).is_active


def test_a_plan_is_set_after_it_was_asked_for(as_operator, acme):
    scope = Scope.objects.get(name="acme")
    assert "@acme, free now" in choose(as_operator, Scope, "put_on_paid", [scope]).content.decode()
    choose(as_operator, Scope, "put_on_paid", [scope], confirmed="yes")
    scope.refresh_from_db()
    assert scope.is_paid
    assert AuditEvent.objects.first().facts == {"what": "scope @acme", "fields": ["plan"]}


# --- packages ----------------------------------------------------------------------------------------------------


def test_a_package_without_scope_gets_another_owner(as_operator, publish, uma, dave):
    publish(uma, "loose")
    package = Package.objects.get()
    assert "earlier owners keep read-write" in choose(as_operator, Package, "transfer", [package]).content.decode()
    choose(as_operator, Package, "transfer", [package], confirmed="yes", to="dave")
    access.find(dave, Action.MANAGE, "loose")
    access.find(uma, Action.PUBLISH, "loose")
    with pytest.raises(NotAllowed):
        access.find(uma, Action.MANAGE, "loose")
    event = AuditEvent.objects.filter(action="package.transferred").get()
    assert (event.actor_name, event.package, event.person) == ("olga", "loose", "dave")


def test_the_package_of_an_org_comes_with_the_org(operator, publish, acme, alice, dave):
    publish(alice, "@acme/x")
    transfers.transfer(operator, "@acme/x", "dave")
    assert Membership.objects.get(user=dave.user).role == "owner"
    access.find(dave, Action.MANAGE, "@acme/x")


def test_the_scope_of_somebody_who_is_gone_becomes_an_org(operator, publish, uma, hugo, gina, dave):
    publish(uma, "@uma/x")
    publish(uma, "@uma/y", access="public")
    sharing.grant_person(uma, "@uma/x", "hugo", "read-write")
    sharing.grant_person(uma, "@uma/x", "gina", "read")
    Scope.objects.filter(name="uma").update(user=None)
    User.objects.filter(pk=uma.user.pk).delete()
    transfers.transfer(operator, "@uma/x", "dave")
    assert Org.objects.get().name == "uma"
    for name in ("@uma/x", "@uma/y"):
        access.find(dave, Action.MANAGE, name)
    access.find(hugo, Action.PUBLISH, "@uma/x")
    access.find(gina, Action.DOWNLOAD, "@uma/x")
    with pytest.raises(NotAllowed):
        access.find(gina, Action.PUBLISH, "@uma/x")


def test_a_scope_stays_with_a_person_who_is_there(operator, publish, uma, dave):
    publish(uma, "@uma/x")
    before = snapshot()
    with pytest.raises(Conflict, match="stays with whoever holds its name"):
        transfers.transfer(operator, "@uma/x", "dave")
    with pytest.raises(NotFound):
        transfers.transfer(operator, "@uma/x", "nobody")
    with pytest.raises(NotAllowed):
        transfers.transfer(uma, "@uma/x", "dave")
    assert snapshot() == before


# --- versions ----------------------------------------------------------------------------------------------------


def test_a_version_is_quarantined_and_freed_in_the_admin_site(as_operator, npm, publish, uma):
    version = publish(uma, "@uma/x", access="public")
    assert "@uma/x@1.0.0" in choose(as_operator, Version, "hold", [version]).content.decode()
    choose(as_operator, Version, "hold", [version], confirmed="yes", reason="malware")
    assert npm.get("@uma/x/-/x-1.0.0.tgz").status_code == 451
    assert AuditEvent.objects.filter(action="version.quarantined").get().actor_name == "olga"
    assert "malware" in choose(as_operator, Version, "lift", [version]).content.decode()
    choose(as_operator, Version, "lift", [version], confirmed="yes")
    assert npm.get("@uma/x/-/x-1.0.0.tgz").status_code == 200


def test_a_refusal_of_one_row_leaves_the_others(as_operator, publish, uma):
    first, second = publish(uma, "@uma/x"), publish(uma, "@uma/x", "1.1.0")
    choose(as_operator, Version, "hold", [first], confirmed="yes", reason="malware")
    answer = choose(as_operator, Version, "hold", [first, second], confirmed="yes", reason="malware, too")
    said = as_operator.get(answer["Location"], headers=HTML).content.decode()
    assert "in quarantine already" in said
    assert "In quarantine: @uma/x@1.1.0" in said


def test_staff_without_the_right_put_nothing_into_quarantine(client, publish, uma, dave):
    version = publish(uma, "@uma/x")
    User.objects.filter(pk=dave.user.pk).update(is_staff=True)
    dave.user.refresh_from_db()
    sign_in(client, dave)
    before = snapshot()
    choose(client, Version, "hold", [version], confirmed="yes", reason="x")
    assert snapshot() == before


def test_a_token_of_a_suspended_person_is_named_as_such_before_its_address_is_looked_at(operator, uma):
    _, secret = tokens.issue(uma, uma.user, kind=Token.Kind.GRANULAR, cidr=["10.0.0.0/8"])
    suspension.suspend(operator, "uma", "spam")
    with pytest.raises(BadCredential, match="suspended"):
        tokens.recognise(secret, "192.0.2.1")


def test_the_sweep_says_what_it_did(publish, uma, capsys):
    call_command("sweep_unpublished", "--dry-run")
    assert "0 unpublished versions found" in capsys.readouterr().out
