"""Feeds: what is in them for whom, the key that opens private ones, and answers without a body."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from accounts.limits import Limits
from accounts.models import AuditEvent
from orgs import organizations, service_accounts
from packages import access, feed_keys, feeds, releases, sharing, stars
from packages.models import FeedKey, Package, TeamGrant
from registry_site.errors import NotFound
from tests.conftest import login_token
from tests.tools.registry_client import RegistryClient
from tests.tools.sessions import sign_in

ATOM = "{http://www.w3.org/2005/Atom}"
HTML = {"accept": "text/html"}


@pytest.fixture
def shelf(publish, uma, acme, alice):
    publish(uma, "@uma/open", access="public", description="for all")
    publish(uma, "@uma/closed", description="hush")
    publish(alice, "@acme/ledger")
    TeamGrant.objects.all().delete()
    sharing.grant_team(alice, "@acme/ledger", "acme", "core", "read-write")
    publish(alice, "@acme/open", access="public")


def titles(answer) -> list[str]:
    assert answer.status_code == 200, answer.content
    assert answer["content-type"].startswith("application/atom+xml")
    assert "@example.com" not in answer.content.decode()
    return [each.findtext(f"{ATOM}title") for each in ElementTree.fromstring(answer.content).iter(f"{ATOM}entry")]


def test_a_package_has_its_releases(client, shelf, publish, uma):
    publish(uma, "@uma/open", "1.1.0")
    answer = client.get("/package/@uma/open/feed")
    assert titles(answer) == ["@uma/open 1.1.0", "@uma/open 1.0.0"]
    root = ElementTree.fromstring(answer.content)
    assert root.find(f"{ATOM}entry/{ATOM}link").get("href") == "http://testserver/package/@uma/open/v/1.1.0"
    assert root.findtext(f"{ATOM}entry/{ATOM}author/{ATOM}name") == "uma"
    assert not list(root.iter(f"{ATOM}email"))
    ids = [each.text for each in root.iter(f"{ATOM}id")]
    assert len(set(ids)) == 3


def test_those_who_belong_to_it_see_what_else_was_done(client, shelf, uma, hugo, dave):
    sharing.grant_person(uma, "@uma/open", "hugo", "read-write")
    releases.deprecate(uma, "@uma/open", {"1.0.0": "old"})
    for actor, told in ((uma, True), (hugo, True), (dave, False)):
        sign_in(client, actor)
        found = titles(client.get("/package/@uma/open/feed"))
        assert ("@uma/open: uma gave hugo read-write" in found or any("gave hugo" in each for each in found)) is told
        assert found[-1] == "@uma/open 1.0.0"


def test_what_is_hidden_has_no_feed_in_the_same_words(client, shelf, uma, dave):
    for actor in (None, dave):
        if actor:
            sign_in(client, actor)
        hidden, missing = (client.get(f"/package/@uma/{name}/feed", headers=HTML) for name in ("closed", "clised"))
        assert (hidden.status_code, missing.status_code) == (404, 404)
        plain = [
            re.sub(r"[0-9A-Za-z]{64}|cl[oi]sed", "", answer.content.decode().replace(answer["x-request-id"], ""))
            for answer in (hidden, missing)
        ]
        assert plain[0] == plain[1]
    assert titles(client.get("/org/acme/feed")) == ["@acme/open 1.0.0"]


def test_a_key_opens_what_its_person_may_see_and_nothing_else(client, shelf, uma, bob, dave):
    secret = feed_keys.issue(bob)
    assert titles(client.get(f"/package/@acme/ledger/feed?key={secret}"))[-1] == "@acme/ledger 1.0.0"
    assert client.get(f"/package/@uma/closed/feed?key={secret}", headers=HTML).status_code == 404
    assert "@acme/ledger 1.0.0" in titles(client.get(f"/org/acme/feed?key={secret}"))
    assert "@acme/ledger 1.0.0" in titles(client.get(f"/feed?key={secret}"))
    assert client.get(f"/package/@acme/ledger?key={secret}", headers=HTML).status_code == 404
    assert client.get(f"/settings/tokens?key={secret}", headers=HTML).status_code == 302
    assert RegistryClient(client).as_(secret).get("@acme%2fledger").status_code == 401
    assert not FeedKey.objects.filter(digest=secret).exists()
    assert b"key=" not in client.get(f"/feed?key={secret}").content
    assert client.get(f"/feed?key={secret}")["referrer-policy"] == "no-referrer"


def test_a_key_ends_when_it_is_revoked_replaced_or_its_person_suspended(client, shelf, bob):
    first, second = feed_keys.issue(bob), feed_keys.issue(bob)
    assert client.get(f"/feed?key={first}", headers=HTML).status_code == 404
    assert client.get(f"/feed?key={second}").status_code == 200
    bob.user.is_active = False
    bob.user.save()
    said = client.get(f"/feed?key={second}", headers=HTML)
    assert said.status_code == 404
    bob.user.is_active = True
    bob.user.save()
    feed_keys.revoke(bob)
    feed_keys.revoke(bob)
    for key in (second, "x", "x" * 5000, "\0", "é"):
        assert client.get("/feed", {"key": key}, headers=HTML).status_code == 404
    assert [each.action for each in AuditEvent.objects.filter(action__startswith="feed_key")] == [
        "feed_key.revoked",
        "feed_key.created",
        "feed_key.created",
    ]


def test_a_right_that_ends_ends_in_the_feed(client, shelf, alice, bob):
    secret = feed_keys.issue(bob)
    assert "@acme/ledger 1.0.0" in titles(client.get(f"/feed?key={secret}"))
    organizations.remove_member(alice, "acme", "bob")
    assert client.get(f"/package/@acme/ledger/feed?key={secret}", headers=HTML).status_code == 404
    assert not any("ledger" in each for each in titles(client.get(f"/feed?key={secret}")))
    assert titles(client.get(f"/org/acme/feed?key={secret}")) == ["@acme/open 1.0.0"]


def test_a_bearer_token_of_npm_opens_no_feed(client, shelf, uma):
    token = login_token(uma)
    answer = client.get("/package/@uma/closed/feed", headers=HTML | {"authorization": f"Bearer {token}"})
    assert answer.status_code == 404
    assert client.get(f"/package/@uma/closed/feed?key={token}", headers=HTML).status_code == 404


def test_my_feed_has_what_i_belong_to_and_starred(client, shelf, hugo, uma):
    stars.set_star(hugo, "@acme/open", True)
    sharing.grant_person(uma, "@uma/closed", "hugo", "read")
    sign_in(client, hugo)
    found = titles(client.get("/feed"))
    assert {"@acme/open 1.0.0", "@uma/closed 1.0.0"} < set(found)
    assert "@uma/open 1.0.0" not in found
    assert not any(each.startswith("@acme/open:") for each in found)  # a star shows releases, not who did what
    client.logout()
    assert client.get("/feed", headers=HTML).status_code == 302


def test_invitations_and_addresses_stay_out(client, shelf, alice):
    AuditEvent.objects.create(action="invitation.made", org="acme", facts={"invited": "x@example.com", "role": "owner"})
    AuditEvent.objects.create(action="org.title", org="acme", facts={"title": "write@example.com"})
    sign_in(client, alice)
    found = titles(client.get("/org/acme/feed"))
    assert not any("example.com" in each for each in found)
    assert any("created the organization" in each for each in found)


def test_of_tokens_and_leaks_only_those_hear_who_manage_the_org(client, shelf, alice, bob):
    service_accounts.create(alice, "acme", "deploy", Limits())
    AuditEvent.objects.create(action="token.leaked", org="acme", person="bob", facts={"token": "npm_abcdefgh"})
    for actor, hears in ((alice, True), (bob, False)):
        sign_in(client, actor)
        found = " ".join(titles(client.get("/org/acme/feed")))
        assert ("acme/deploy" in found, "npm_abcdefgh" in found) == (hears, hears)


def test_304_until_something_changes(client, shelf, publish, uma):
    first = client.get("/package/@uma/open/feed")
    again = client.get("/package/@uma/open/feed", headers={"if-none-match": first["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first["cache-control"] == "private, no-cache"
    publish(uma, "@uma/open", "1.1.0")
    assert client.get("/package/@uma/open/feed", headers={"if-none-match": first["etag"]}).status_code == 200
    assert client.post("/package/@uma/open/feed").status_code in (403, 405)


def test_an_empty_feed_stays_the_same(client, acme):
    first = client.get("/org/acme/feed")
    assert titles(first) == []
    assert client.get("/org/acme/feed", headers={"if-none-match": first["etag"]}).status_code == 304


def test_e9_what_xml_cannot_say_is_left_out(client, publish, uma):
    publish(uma, "@uma/odd", access="public")
    Package.objects.filter(name="@uma/odd").update(description="a\x08b\ufffe <script>&amp; ]]> c")
    root = ElementTree.fromstring(client.get("/package/@uma/odd/feed").content)
    assert root.findtext(f"{ATOM}entry/{ATOM}summary") == "ab <script>&amp; ]]> c"


def test_nobody_gets_in_without_a_key_in_enterprise_mode(client, shelf, uma, settings):
    secret = feed_keys.issue(uma)
    settings.REGISTRY_MODE = "enterprise"
    for path in ("/package/@uma/open/feed", "/org/acme/feed", "/feed"):
        assert client.get(path, headers=HTML).status_code == 302
        assert client.get(f"{path}?key=wrong", headers=HTML).status_code == 404
        assert client.get(f"{path}?key={secret}").status_code == 200


def test_the_verb_asks_the_policy(shelf, dave, uma):
    with pytest.raises(NotFound) as hidden:
        feeds.of_package(dave, "@uma/closed")
    assert str(hidden.value) == str(access.missing(dave, "@uma/closed"))


def test_feeds_take_few_queries(client, shelf, publish, uma, alice, django_assert_max_num_queries):
    for n in range(20):
        publish(uma, f"@uma/many{n}")
        publish(uma, "@uma/open", f"2.0.{n}")
    sign_in(client, uma)
    for path in ("/package/@uma/open/feed", "/org/acme/feed", "/feed"):
        with django_assert_max_num_queries(12):
            assert len(titles(client.get(path))) <= feeds.MOST


# --- the card in the settings ------------------------------------------------------------------------------------


def test_a_key_is_made_shown_once_and_revoked(client, shelf, uma):
    sign_in(client, uma)
    made = client.post("/settings/feeds", headers=HTML)
    secret = made.context["secret"]
    assert f"/feed?key={secret}" in made.content.decode()
    assert secret not in client.get("/settings/feeds", headers=HTML).content.decode()
    assert "@uma/closed 1.0.0" in titles(client.get(f"/feed?key={secret}"))
    card = client.post("/settings/feeds/revoke", headers=HTML | {"hx-request": "true"}).content.decode()
    assert "The key is gone" in card
    assert "<html" not in card
    assert client.get(f"/feed?key={secret}", headers=HTML).status_code == 404


def test_e13_a_get_makes_and_ends_no_key(client, uma):
    sign_in(client, uma)
    client.get("/settings/feeds")
    assert not FeedKey.objects.exists()
    feed_keys.issue(uma)
    assert client.get("/settings/feeds/revoke").status_code == 405
    client.logout()
    assert client.post("/settings/feeds/revoke").status_code == 302
    assert FeedKey.objects.count() == 1


def test_pages_name_their_feeds(client, shelf, uma):
    sign_in(client, uma)
    for page, feed in (
        ("/package/@uma/open", "/package/@uma/open/feed"),
        ("/org/acme", "/org/acme/feed"),
        ("/", "/feed"),
    ):
        assert f'href="{feed}"' in client.get(page, headers=HTML).content.decode()
