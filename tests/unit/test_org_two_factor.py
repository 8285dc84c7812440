"""Orgs that ask for two-factor: a member without has nothing through the org, on no surface, until it is on."""

from __future__ import annotations

import pytest

from accounts import tokens
from accounts.models import AuditEvent, Token
from orgs import access as org_access
from orgs import organizations, two_factor
from packages import access, reasons, sharing
from packages.access import Action
from registry_site.errors import Conflict, NotAllowed, NotFound
from tests.conftest import login_token
from tests.tools import payloads
from tests.tools.sessions import sign_in, turn_on_two_factor

HTML = {"accept": "text/html"}


@pytest.fixture
def strict(acme, publish, alice, bob):
    """acme with a private package that core publishes; it asks for two-factor, which bob has not."""
    publish(alice, "@acme/x")
    sharing.grant_team(alice, "@acme/x", "acme", "core", "read-write")
    turn_on_two_factor(alice)
    two_factor.require(alice, "acme", True)
    acme.refresh_from_db()
    return acme


def test_nothing_comes_through_the_org_until_two_factor_is_on(strict, npm, alice, bob):
    caller = npm.as_(login_token(bob))
    assert not access.visible_to(bob).filter(name="@acme/x").exists()
    for action in Action:
        with pytest.raises((NotFound, NotAllowed)):
            access.find(bob, action, "@acme/x")
    assert caller.get("@acme/x").status_code == 404
    assert caller.get("@acme/x/-/x-1.0.0.tgz").status_code == 404
    refused = caller.put("@acme%2fx", payloads.publish_body("@acme/x", "1.0.1"))
    assert refused.status_code == 403
    assert "two-factor" in refused.json()["error"]
    assert caller.put("@acme%2fnew", payloads.publish_body("@acme/new", "1.0.0")).status_code == 403
    assert caller.get("-/org/acme/user").status_code == 403
    assert "two-factor" in caller.get("-/org/acme/user").json()["error"]
    assert bob.user.pk not in reasons.of(access.find(alice, Action.VIEW, "@acme/x"))
    turn_on_two_factor(bob)
    assert bob.user.pk in reasons.of(access.find(alice, Action.VIEW, "@acme/x"))
    assert caller.get("@acme/x").status_code == 200
    assert access.find(bob, Action.VIEW, "@acme/x")


def test_recovery_codes_alone_are_no_two_factor(strict, bob):
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes

    RecoveryCodes.activate(bob.user)
    with pytest.raises(NotFound):
        access.find(bob, Action.VIEW, "@acme/x")


def test_an_owner_without_loses_the_role_s_rights_too(strict, alice, bob):
    organizations.set_member(alice, "acme", "bob", "owner")
    with pytest.raises(NotFound):
        access.find(bob, Action.MANAGE, "@acme/x")
    with pytest.raises(NotAllowed, match="two-factor"):
        organizations.set_member(bob, "acme", "carol", "admin")
    with pytest.raises(Conflict, match="last owner"):
        organizations.remove_member(alice, "acme", "alice")


def test_a_token_that_goes_without_codes_is_no_way_around(strict, npm, bob):
    _, secret = tokens.issue(bob, bob.user, kind=Token.Kind.GRANULAR, bypass_two_factor=True)
    assert npm.as_(secret).get("@acme/x").status_code == 404


def test_who_asks_others_has_it(acme, alice):
    before = AuditEvent.objects.count()
    with pytest.raises(NotAllowed, match="yourself first"):
        two_factor.require(alice, "acme", True)
    acme.refresh_from_db()
    assert not acme.requires_two_factor
    assert AuditEvent.objects.count() == before


@pytest.mark.parametrize("who", ["frank", "bob", "dave"])
def test_only_owners_ask(request, acme, dave, who):
    actor = request.getfixturevalue(who)
    turn_on_two_factor(actor)
    with pytest.raises(NotAllowed):
        two_factor.require(actor, "acme", True)
    acme.refresh_from_db()
    assert not acme.requires_two_factor


def test_a_locked_out_member_is_told_why_and_may_leave(strict, client, bob):
    sign_in(client, bob)
    assert "asks its members for two-factor" in client.get("/org/acme", headers=HTML).content.decode()
    refused = client.get("/org/acme/members", headers=HTML)
    assert refused.status_code == 403
    assert "turn it on under Settings" in refused.content.decode()
    assert not org_access.role_of(bob, strict)
    asked = client.post("/org/acme/members/remove", {"user": "bob"}, headers=HTML)
    assert "Leave acme?" in asked.content.decode()
    client.post("/org/acme/members/remove", {"user": "bob", "confirm": "bob"}, headers=HTML)
    assert not bob.user.memberships.exists()


def test_the_page_names_who_loses_and_has_the_name_typed(acme, client, alice):
    turn_on_two_factor(alice)
    sign_in(client, alice, method="mfa")
    asked = client.post("/org/acme/settings/two-factor", {"required": "yes"}, headers=HTML)
    assert "Type acme to confirm" in asked.content.decode()
    assert "bob" in asked.content.decode()
    acme.refresh_from_db()
    assert not acme.requires_two_factor
    client.post("/org/acme/settings/two-factor", {"required": "yes", "confirm": "acme"}, headers=HTML)
    acme.refresh_from_db()
    assert acme.requires_two_factor
    shown = client.get("/org/acme/members", headers=HTML).content.decode()
    assert shown.count("no access until two-factor is on") == 4
    client.post("/org/acme/settings/two-factor", {"required": "no"}, headers=HTML)
    acme.refresh_from_db()
    assert not acme.requires_two_factor


def test_e21_the_form_wants_a_session_that_showed_lately_who_it_is(acme, client, alice):
    turn_on_two_factor(alice)
    sign_in(client, alice, method="mfa", seconds_ago=3600)
    client.post("/org/acme/settings/two-factor", {"required": "yes", "confirm": "acme"}, headers=HTML)
    acme.refresh_from_db()
    assert not acme.requires_two_factor


def test_public_packages_and_own_grants_stay(strict, publish, alice, bob, uma):
    publish(alice, "@acme/open", access="public")
    publish(uma, "@uma/x")
    sharing.grant_person(uma, "@uma/x", "bob", "read")
    assert set(access.visible_to(bob).values_list("name", flat=True)) == {"@acme/open", "@uma/x"}
