"""Deleting an account: what has to be done first, what ends, and that the name is never given again."""

from __future__ import annotations

import dataclasses

import pytest
from allauth.account.models import EmailAddress

from accounts import departure, people, tokens
from accounts.actor import operator
from accounts.models import AuditEvent, Scope, Token, User
from orgs import organizations
from orgs.models import Membership
from packages import access, releases, sharing
from packages.models import Package, PersonGrant, Version
from packages.packuments import revision_of
from registry_site.errors import BadCredential, Conflict, Invalid, NotAllowed, StepUpRequired
from tests.conftest import PASSWORD, login_token, person
from tests.tools.sessions import sign_in

HTML = {"accept": "text/html"}


def now(actor):
    """The actor, who showed a moment ago who they are."""
    return dataclasses.replace(actor, recent=True)


def rows() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (User, Scope, AuditEvent, Token, PersonGrant, Membership))


def test_everything_of_the_person_ends_and_the_name_stays_taken(uma, hugo, acme, alice, publish):
    publish(uma, "@uma/x", access="public")
    sharing.grant_person(uma, "@uma/x", "hugo", "read-write")
    publish(hugo, "@uma/x", "1.1.0")
    organizations.set_member(alice, "acme", "hugo", "developer")
    secret = login_token(hugo)
    revision = Package.objects.get().revision
    departure.delete(now(hugo), "hugo")
    assert not User.objects.filter(username="hugo").exists()
    assert not PersonGrant.objects.exists()
    assert not Membership.objects.filter(user__username="hugo").exists()
    assert Package.objects.get().revision == revision + 1, "its document names hugo no longer"
    assert Version.objects.filter(number="1.1.0").get().published_by is None
    with pytest.raises(BadCredential):
        tokens.recognise(secret, None)
    assert Scope.objects.get(name="hugo").user is None
    with pytest.raises(Conflict, match="not available"):
        people.create(operator(), "hugo", "h@example.com", PASSWORD)
    told = set(AuditEvent.objects.filter(person="hugo", actor_name="hugo").values_list("action", flat=True))
    assert {"user.deleted", "person.left", "member.removed"} <= told


def test_a_private_grant_ends_too(uma, gina, publish):
    publish(uma, "@uma/x")
    sharing.grant_person(uma, "@uma/x", "gina", "read")
    departure.delete(now(gina), "gina")
    assert not PersonGrant.objects.exists()


def test_packages_in_the_scope_are_in_the_way_until_they_are_gone(uma, publish):
    publish(uma, "@uma/x")
    before = rows()
    with pytest.raises(Conflict, match="@uma holds @uma/x"):
        departure.delete(now(uma), "uma")
    assert rows() == before
    releases.unpublish(uma, "@uma/x", revision_of(Package.objects.get()))
    departure.delete(now(uma), "uma")
    assert not User.objects.filter(username="uma").exists()
    assert Package.objects.get().scope.name == "uma", "its numbers are never used again"


def test_the_last_owner_hands_over_first(acme, alice, frank, publish):
    publish(alice, "free")
    before = rows()
    said = " ".join(each.text for each in departure.consequences(alice.user).obstacles)
    assert "last owner of acme" in said
    assert "only owner of free" in said
    with pytest.raises(Conflict):
        departure.delete(now(alice), "alice")
    assert rows() == before
    organizations.set_member(alice, "acme", "frank", "owner")
    sharing.grant_person(alice, "free", "frank", "owner")
    departure.delete(now(alice), "alice")
    assert access.find(frank, access.Action.MANAGE, "free")


def test_the_only_admin_stays(olga):
    with pytest.raises(Conflict, match="only admin"):
        departure.delete(now(olga), "olga")
    person("oscar", superuser=True)
    departure.delete(now(olga), "olga")


def test_it_asks_for_the_name_and_a_recent_sign_in(dave):
    before = rows()
    with pytest.raises(Invalid):
        departure.delete(now(dave), "david")
    with pytest.raises(StepUpRequired):
        departure.delete(dave, "dave")
    token, _ = tokens.issue(dave, dave.user, kind=Token.Kind.GRANULAR)
    before = rows()
    with pytest.raises(NotAllowed):
        departure.delete(dataclasses.replace(now(dave), token=token), "dave")
    assert rows() == before


def test_the_page_says_what_ends_and_does_it(client, dave, uma, publish):
    publish(uma, "@uma/x")
    sharing.grant_person(uma, "@uma/x", "dave", "read")
    login_token(dave)
    sign_in(client, dave)
    page = client.get("/settings/delete").content.decode()
    assert "1 token:" in page
    assert "given on 1 package" in page
    wrong = client.post("/settings/delete", {"name": "dav"})
    assert b"type dave to delete" in wrong.content
    assert User.objects.filter(username="dave").exists()
    assert client.post("/settings/delete", {"name": "dave"})["Location"] == "/"
    assert not User.objects.filter(username="dave").exists()
    assert not EmailAddress.objects.filter(email="dave@example.com").exists()
    assert client.get("/settings/profile").status_code == 302


def test_the_page_shows_what_is_in_the_way_and_no_form(client, uma, publish):
    publish(uma, "@uma/x")
    sign_in(client, uma)
    page = client.get("/settings/delete").content.decode()
    assert "@uma holds @uma/x" in page
    assert "Delete my account" not in page


def test_e21_an_old_session_deletes_nothing(client, dave):
    sign_in(client, dave, seconds_ago=3600)
    assert client.post("/settings/delete", {"name": "dave"}).status_code == 302
    assert User.objects.filter(username="dave").exists()


def test_the_page_asks_little_however_much_there_is(client, uma, publish, django_assert_max_num_queries):
    scope = Scope.objects.get(name="uma")
    Package.objects.bulk_create(Package(name=f"@uma/p{n}", scope=scope) for n in range(500))
    sign_in(client, uma)
    with django_assert_max_num_queries(12):
        page = client.get("/settings/delete").content.decode()
    assert "And 490 more packages" in page
