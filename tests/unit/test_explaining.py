"""Access, explained: what is said is what the policy then does, with every grant that says so."""

from __future__ import annotations

import pytest

from accounts import tokens
from accounts.models import Token
from orgs import teams
from packages import access, explaining, sharing
from packages.access import Action
from packages.models import Package
from registry_site.errors import NotAllowed, NotFound
from tests.tools.sessions import sign_in

LEDGER, MINE = "@acme/ledger", "@uma/x"
PAGE = {"accept": "text/html"}


@pytest.fixture
def ledger(acme, alice, bob, publish) -> Package:
    publish(alice, LEDGER)
    sharing.grant_team(alice, LEDGER, "acme", "core", "write")
    sharing.grant_team(alice, LEDGER, "acme", "readers", "read")
    sharing.revoke_team(alice, LEDGER, "acme", "developers")
    teams.add(alice, "acme", "readers", "bob")
    return access.find(alice, Action.VIEW, LEDGER)


def yes(explained) -> str:
    return " ".join(action for action, can in explained.can if can)


def explain(actor, text: str, name: str = LEDGER):
    return explaining.explain(actor, access.find(actor, Action.VIEW, name), text)


def test_all_reasons_are_listed_the_strongest_first(ledger, alice, bob):
    found = explain(alice, "bob")
    assert yes(found) == "view download publish"
    assert [str(reason) for reason in found.reasons] == [
        "the team core has read-write",
        "the team readers has read",
    ]
    assert [str(reason) for reason in explain(bob, "frank").reasons] == ["admin of the org"]
    assert yes(explain(bob, "frank")) == "view download publish manage"


def test_who_has_no_grant_is_told_what_is_missing(ledger, alice, carol, dave):
    member, stranger = explain(alice, "carol"), explain(alice, "dave")
    assert (yes(member), member.reasons) == ("", [])
    assert "in no team that was given this package" in member.notes[0]
    assert "is not a member of acme" in stranger.notes[0]
    sharing.set_access(alice, LEDGER, "public")
    assert yes(explain(alice, "dave")) == "view download"
    assert "The package is public" in explain(alice, "dave").notes[0]


def test_teams_are_explained_by_their_grant(ledger, alice):
    assert yes(explain(alice, "acme:core")) == "view download publish"
    assert yes(explain(alice, "acme:readers")) == "view download"
    assert yes(explain(alice, "acme:developers")) == ""
    with pytest.raises(NotFound):
        explain(alice, "acme:nobody")


@pytest.mark.parametrize(
    ("limits", "can"),
    [
        ({}, "view download publish"),
        ({"permission": "read-only"}, "view download"),
        ({"packages": ["@acme/other"]}, ""),
        ({"scopes": ["acme"]}, "view download publish"),
    ],
)
def test_ones_own_tokens_are_explained_and_nobody_elses(ledger, alice, bob, limits, can):
    token, _ = tokens.issue(alice, alice.user, kind=Token.Kind.GRANULAR, **limits)
    assert yes(explain(alice, token.prefix)) == can
    assert yes(explain(alice, "alice")) == "view download publish manage"
    with pytest.raises(NotFound, match="you have no token"):
        explain(bob, token.prefix)


def test_a_login_token_does_what_its_person_may(ledger, alice):
    token, _ = tokens.issue(alice, alice.user, kind=Token.Kind.LOGIN)
    assert yes(explain(alice, token.prefix)) == "view download publish manage"


def test_only_who_belongs_to_it_gets_an_answer(client, publish, uma, hugo, dave):
    publish(uma, MINE, access="public")
    sharing.grant_person(uma, MINE, "hugo", "read")
    assert yes(explain(hugo, "uma", MINE)) == "view download publish manage"
    with pytest.raises(NotAllowed):
        explain(dave, "hugo", MINE)
    for visitor in (None, dave):
        if visitor:
            sign_in(client, visitor)
        page = client.get(f"/package/{MINE}/access?explain=hugo", headers=PAGE)
        assert (page.status_code, "was given read" in page.content.decode()) == (200, False)


def test_the_page_says_it_with_a_link_to_change_it(client, ledger, alice):
    sign_in(client, alice)
    page = client.get(f"/package/{LEDGER}/access?explain=bob", headers=PAGE).content.decode()
    assert "can publish" in page
    assert 'href="/org/acme/teams/core"' in page
    wrong = client.get(f"/package/{LEDGER}/access?explain=bobb", headers=PAGE).content.decode()
    assert "did you mean bob?" in wrong
    for text in ("acme:core", "npm_none", "x" * 1000, "a:b:c", "<b>", "%00"):
        assert client.get(f"/package/{LEDGER}/access", {"explain": text}, headers=PAGE).status_code == 200


def test_the_explanation_is_what_the_policy_does(ledger, alice, bob, carol, erin, frank, dave):
    for actor in (alice, bob, carol, erin, frank, dave):
        said = yes(explain(alice, actor.name))
        done = access.visible_to(actor).filter(name=LEDGER).first()
        allowed = access.can(done) if done else frozenset()
        assert said == " ".join(action for action in explaining.ASKED if action in allowed)
