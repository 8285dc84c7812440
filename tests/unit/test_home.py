"""The front page and the page of a person: what is mine, what waits for me, and nothing that is hidden."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import tokens
from accounts.models import Token
from orgs import organizations
from orgs.models import Org
from packages import sharing, stars
from packages.models import Package, TeamGrant
from tests.tools.sessions import sign_in

HTML = {"accept": "text/html"}


def front(client, actor=None):
    client.logout()
    if actor:
        sign_in(client, actor)
    return client.get("/", headers=HTML)


def waits(client, actor) -> list[str]:
    return [task.text for task in front(client, actor).context["tasks"]]


def test_signed_out_it_says_what_this_is(client, publish, uma):
    publish(uma, "@uma/open", access="public")
    publish(uma, "@uma/closed")
    page = front(client).content.decode()
    assert "npm config set registry http://testserver/npm/" in page
    assert 'action="/search"' in page
    assert "@uma/open" in page
    assert "closed" not in page


def test_a_newcomer_is_taught_three_commands(client, dave):
    page = front(client, dave).content.decode()
    assert page.count("data-copy") == 3
    assert "npm login" in page


def test_mine_are_what_i_publish_or_was_given(client, publish, uma, hugo, acme, alice, bob):
    publish(uma, "@uma/closed")
    sharing.grant_person(uma, "@uma/closed", "hugo", "read")
    publish(alice, "@acme/ledger")
    TeamGrant.objects.all().delete()
    sharing.grant_team(alice, "@acme/ledger", "acme", "core", "read")
    assert [each.name for each in front(client, hugo).context["packages"]] == ["@uma/closed"]
    assert [each.name for each in front(client, bob).context["packages"]] == ["@acme/ledger"]


def test_activity_is_of_what_i_belong_to(client, publish, uma, hugo, dave, alice, acme, carol):
    publish(uma, "@uma/open", access="public")
    publish(uma, "@uma/closed")
    publish(alice, "@acme/hidden")
    TeamGrant.objects.all().delete()
    sharing.grant_person(uma, "@uma/closed", "hugo", "read")
    told = {name: {each.package for each in front(client, actor).context["events"]} for name, actor in
            (("hugo", hugo), ("dave", dave), ("uma", uma), ("carol", carol))}  # fmt: skip
    assert told == {"hugo": {"@uma/closed"}, "dave": set(), "uma": {"@uma/open", "@uma/closed"}, "carol": set()}


def test_tokens_that_end_soon_wait_for_me(client, dave, uma):
    for name, days in (("soon", 3), ("late", 60)):
        tokens.issue(dave, dave.user, kind=Token.Kind.GRANULAR, name=name, days=days)
    assert [each.split(" (")[0] for each in waits(client, dave)] == ["Your token soon"]
    Token.objects.filter(name="soon").update(revoked_at=timezone.now())
    assert waits(client, dave) == []
    assert waits(client, uma) == []


def test_staged_versions_wait_for_those_who_may_release_them(client, stage, publish, uma, hugo, gina):
    publish(uma, "@uma/tool")
    sharing.grant_person(uma, "@uma/tool", "hugo", "read-write")
    sharing.grant_person(uma, "@uma/tool", "gina", "read")
    stage(uma, "@uma/tool", "2.0.0")
    assert waits(client, hugo) == ["@uma/tool 2.0.0 waits for a review"]
    assert waits(client, gina) == []


def test_invitations_requests_and_two_factor_wait(client, acme, alice, bob, dave):
    from orgs import invitations
    from packages import requests

    invitations.invite(alice, "acme", "dave", "developer")
    assert waits(client, dave) == ["alice invited you to acme"]
    requests.ask(bob, "@acme/secret", "please")
    assert waits(client, alice) == ["bob asks for access to @acme/secret"]
    assert waits(client, bob) == []
    Org.objects.update(requires_two_factor=True)
    assert waits(client, bob)[0].startswith("acme asks its members for two-factor")


def test_e9_names_of_tokens_are_text(client, dave):
    tokens.issue(dave, dave.user, kind=Token.Kind.GRANULAR, name="<img src=x>", days=3)
    assert "<img" not in front(client, dave).content.decode()


def test_both_pages_take_at_most_twelve_queries(
    client, publish, stage, uma, acme, alice, django_assert_max_num_queries
):
    for n in range(8):
        publish(alice, f"@acme/tool{n}", access="public" if n % 2 else None)
        publish(alice, f"@alice/mine{n}")
        stars.set_star(alice, f"@acme/tool{n}", True)
    for n in range(7):
        stage(alice, f"@alice/mine{n}", "2.0.0")
        tokens.issue(alice, alice.user, kind=Token.Kind.GRANULAR, name=f"t{n}", days=3)
    Package.objects.bulk_create(
        Package(name=f"@alice/bulk{n}", scope=alice.user.scope, access="restricted") for n in range(2_000)
    )
    Org.objects.update(requires_two_factor=True)
    for actor in (alice, None):
        client.logout()
        if actor:
            sign_in(client, actor)
        for path in ("/", "/~alice", "/~alice?sort=downloads&page=3"):
            with django_assert_max_num_queries(12):
                assert client.get(path, headers=HTML).status_code == 200


# --- a person ----------------------------------------------------------------------------------------------------


def names(client, path: str) -> list[str]:
    return [each.name for each in client.get(path, headers=HTML).context["page"]]


def test_a_person_has_an_order_and_pages(client, publish, uma):
    for n in range(23):
        publish(uma, f"@uma/tool{n:02}", access="public")
    Package.objects.filter(name="@uma/tool09").update(modified_at=timezone.now() + timedelta(days=1))
    assert names(client, "/~uma")[:2] == ["@uma/tool00", "@uma/tool01"]
    assert names(client, "/~uma?page=2") == ["@uma/tool20", "@uma/tool21", "@uma/tool22"]
    assert names(client, "/~uma?sort=recent")[0] == "@uma/tool09"
    assert names(client, "/~uma?sort=odd&page=99") == names(client, "/~uma?page=2")
    assert "sort=recent&amp;page=2" in client.get("/~uma?sort=recent", headers=HTML).content.decode()


@pytest.mark.parametrize("viewer", ["bob", "dave", None])
def test_orgs_of_somebody_are_shown_to_those_who_are_in_them(client, acme, alice, bob, dave, viewer):
    organizations.create(alice, "initech")
    if viewer:
        sign_in(client, {"bob": bob, "dave": dave}[viewer])
    page = client.get("/~alice", headers=HTML)
    assert [each.org.name for each in page.context["memberships"]] == (["acme"] if viewer == "bob" else [])
    sign_in(client, alice)
    assert len(client.get("/~alice", headers=HTML).context["memberships"]) == 2


def test_of_very_many_orgs_some_are_shown_and_the_others_counted(client, alice):
    for n in range(15):
        organizations.create(alice, f"org{n:02}")
    sign_in(client, alice)
    for path in ("/", "/~alice"):
        page = client.get(path, headers=HTML).content.decode()
        assert (">org11<" in page, ">org12<" in page, "and 3 more" in page) == (True, False, True)
    assert ">org14<" in client.get("/orgs", headers=HTML).content.decode()
