"""What a change would do, said before it is done: always what it then does."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from accounts import tokens
from accounts.actor import Actor
from accounts.models import Token, User
from orgs import teams
from orgs.models import Membership, Org, Seat, Team
from packages import access, previews, sharing
from packages.access import Action
from packages.models import Package, TeamGrant, TokenUse
from registry_site.errors import NotAllowed, NotFound
from tests.policy.world import snapshot
from tests.tools.sessions import sign_in, turn_on_two_factor

LEDGER, MINE = "@acme/ledger", "@uma/x"


@pytest.fixture
def ledger(acme, alice, publish) -> Package:
    """core (bob) has read-write, readers (erin) read; carol is a member in no team."""
    package = publish(alice, LEDGER).package
    sharing.grant_team(alice, LEDGER, "acme", "core", "write")
    sharing.grant_team(alice, LEDGER, "acme", "readers", "read")
    sharing.revoke_team(alice, LEDGER, "acme", "developers")
    return package


@pytest.fixture
def shared(uma, hugo, gina, publish) -> Package:
    package = publish(uma, MINE).package
    sharing.grant_person(uma, MINE, "hugo", "write")
    sharing.grant_person(uma, MINE, "gina", "read")
    return package


def uses(actor: Actor, package: Package, what: str = "download", days_ago: int = 1) -> Token:
    token, _ = tokens.issue(actor, actor.user, kind=Token.Kind.GRANULAR, name="ci")
    at = timezone.now() - timedelta(days=days_ago)
    TokenUse.objects.create(token=token, package=package, what=what, at=at, client="npm/12")
    return token


def rights(package: Package) -> dict[str, frozenset[Action]]:
    return {user.username: access.can(access.again(Actor(user), package)) for user in User.objects.all()}


def test_a_preview_says_what_the_change_then_does(ledger, alice, bob, erin, carol):
    teams.add(alice, "acme", "readers", "bob")
    cases = [
        (partial(sharing.revoke_team, alice, LEDGER, "acme", "core"), ("core", "none")),
        (partial(sharing.grant_team, alice, LEDGER, "acme", "core", "read"), ("core", "read")),
        (partial(sharing.grant_team, alice, LEDGER, "acme", "core", "write"), ("core", "write")),
        (partial(sharing.revoke_team, alice, LEDGER, "acme", "readers"), ("readers", "none")),
        (partial(teams.destroy, alice, "acme", "core"), None),
    ]
    for change, team in cases:
        preview = previews.with_team(alice, LEDGER, *team) if team else previews.without_team(alice, "acme", "core")
        before = rights(ledger)
        change()
        after = rights(ledger)
        lost = [name for name in before if Action.VIEW in before[name] and Action.VIEW not in after[name]]
        less = [name for name in before if before[name] - after[name] and Action.VIEW in after[name]]
        assert (preview.loses, preview.weakened) == (sorted(lost), sorted(less)), team


def test_who_has_it_through_another_team_does_not_lose(ledger, alice, bob):
    teams.create(alice, "acme", "second")
    teams.add(alice, "acme", "second", "bob")
    sharing.grant_team(alice, LEDGER, "acme", "second", "read")
    preview = previews.with_team(alice, LEDGER, "core", "none")
    assert (preview.loses, preview.weakened) == ([], ["bob"])
    sharing.grant_team(alice, LEDGER, "acme", "second", "write")
    assert previews.with_team(alice, LEDGER, "core", "none").is_harmless


def test_a_person_loses_the_package_and_tokens_that_used_it_are_named(shared, uma, hugo, gina):
    reads, _ = uses(hugo, shared), uses(gina, shared)
    uses(hugo, shared, days_ago=31)
    preview = previews.without_person(uma, MINE, "hugo")
    assert preview.loses == ["hugo"]
    assert [(use.token.prefix, use.token.user.username) for use in preview.tokens] == [(reads.prefix, "hugo")]
    less = previews.with_person(uma, MINE, "hugo", "read")
    assert (less.loses, less.weakened, less.tokens) == ([], ["hugo"], [])
    published = uses(hugo, shared, "publish")
    assert [use.token for use in previews.with_person(uma, MINE, "hugo", "read").tokens] == [published]
    assert previews.with_person(uma, MINE, "gina", "write").is_harmless
    tokens.revoke(hugo, hugo.user, str(reads.key))
    assert [use.token for use in previews.without_person(uma, MINE, "hugo").tokens] == [published]


def test_making_it_private_names_the_tokens_of_those_who_lose(shared, uma, hugo, dave, publish):
    sharing.set_access(uma, MINE, "public")
    publish(dave, "@dave/app", access="public", dependencies={MINE: "^1.0.0"})
    publish(dave, "@dave/secret", dependencies={MINE: "^1.0.0"})
    outside, _ = uses(dave, shared), uses(hugo, shared)
    preview = previews.level(uma, MINE, "restricted")
    assert preview.people == ["gina", "hugo", "uma"]
    assert preview.loses == ["dave"]
    assert [use.token for use in preview.tokens] == [outside]
    assert preview.dependents == ["@dave/app"]


def test_a_leaving_member_loses_what_came_through_the_org(ledger, alice, bob, publish):
    publish(alice, "@acme/open", access="public")
    token = uses(bob, ledger)
    preview = previews.without_member(alice, "acme", "bob")
    assert (preview.loses, preview.packages) == (["bob"], [LEDGER])
    assert [use.token for use in preview.tokens] == [token]
    assert previews.without_member(alice, "acme", "carol").is_harmless


def test_only_who_manages_gets_a_preview(ledger, shared, bob, hugo, dave):
    for actor, refusal in ((bob, NotAllowed), (dave, NotFound)):
        with pytest.raises(refusal):
            previews.with_team(actor, LEDGER, "core", "none")
    with pytest.raises(NotAllowed):
        previews.without_person(hugo, MINE, "gina")
    with pytest.raises(NotAllowed):
        previews.without_team(bob, "acme", "core")


def test_two_factor_of_an_org_locks_out_who_has_none(ledger, alice, bob, erin):
    turn_on_two_factor(bob)
    uses(bob, ledger)
    token = uses(erin, ledger)
    preview = previews.requiring_two_factor(alice, "acme")
    assert (preview.loses, preview.keeps) == (["alice", "carol", "erin", "frank"], 1)
    assert [use.token for use in preview.tokens] == [token]
    with pytest.raises(NotAllowed):
        previews.requiring_two_factor(bob, "acme")


def test_the_page_asks_for_the_name_only_where_something_is_lost(client, shared, uma, hugo, gina):
    sign_in(client, uma)
    form = f"/package/{MINE}/access/people"
    before = snapshot()
    for more in ({}, {"confirm": "gina"}):
        page = client.post(form, {"user": "hugo", "permission": "none"} | more, headers={"accept": "text/html"})
        assert page.status_code == 200
        assert page.context["preview"].loses == ["hugo"]
    assert snapshot() == before
    assert client.post(form, {"user": "gina", "permission": "write"}).status_code == 302
    undo = client.session["notice"]["undo"]["fields"]
    assert client.post(form, undo).status_code == 302  # takes back at once what was just done
    assert shared.person_grants.get(user=gina.user).permission == "read"
    assert client.post(form, {"user": "hugo", "permission": "none", "confirm": "hugo"}).status_code == 302
    assert not shared.person_grants.filter(user=hugo.user).exists()


def test_the_page_of_a_team_asks_for_its_name(client, ledger, alice):
    sign_in(client, alice)
    form = f"/package/{LEDGER}/access/teams"
    page = client.post(form, {"team": "core", "permission": "read"})
    assert (page.status_code, page.context["preview"].weakened) == (200, ["bob"])
    assert TeamGrant.objects.get(team__name="core").permission == "write"
    assert client.post(form, {"team": "core", "permission": "read", "confirm": "core"}).status_code == 302
    assert TeamGrant.objects.get(team__name="core").permission == "read"
    teams.remove(alice, "acme", "readers", "erin")
    assert client.post(form, {"team": "readers", "permission": "none"}).status_code == 302  # nobody is in it


def test_the_page_of_the_team_asks_too_and_tells_nobody_else_what_it_has(client, ledger, alice, carol, dave):
    form = "/org/acme/teams/core/packages"
    sign_in(client, alice)
    page = client.post(form, {"package": LEDGER, "permission": "none"})
    assert (page.status_code, page.context["preview"].loses) == (200, ["bob"])
    assert TeamGrant.objects.filter(team__name="core").exists()
    for stranger in (carol, dave):
        sign_in(client, stranger)
        found = [client.post(form, {"package": name, "permission": "none"}) for name in (LEDGER, "@acme/nothng")]
        assert found[0].status_code == found[1].status_code
    sign_in(client, alice)
    assert client.post(form, {"package": LEDGER, "permission": "none", "confirm": "core"}).status_code == 302
    assert not TeamGrant.objects.filter(team__name="core").exists()


def test_a_large_org_costs_no_more(client, acme, alice, publish, django_assert_max_num_queries):
    first = publish(alice, "@acme/p0").package
    packages = Package.objects.bulk_create(
        Package(name=f"@acme/p{n}", scope=first.scope, latest=first.latest) for n in range(1, 300)
    )
    users = User.objects.bulk_create(User(username=f"m{n}", email=f"m{n}@example.com") for n in range(300))
    org = Org.objects.get()
    members = Membership.objects.bulk_create(Membership(org=org, user=user) for user in users)
    crowd, other = (Team.objects.create(org=org, name=name) for name in ("crowd", "other"))
    Seat.objects.bulk_create(Seat(team=crowd, membership=member) for member in members)
    Seat.objects.bulk_create(Seat(team=other, membership=member) for member in members[:100])
    TeamGrant.objects.bulk_create(TeamGrant(team=crowd, package=each, permission="read") for each in packages)
    TeamGrant.objects.bulk_create(TeamGrant(team=other, package=each, permission="read") for each in packages)
    with django_assert_max_num_queries(12):
        preview = previews.without_team(alice, "acme", "crowd")
    assert (len(preview.loses), len(preview.packages), preview.keeps) == (200, 299, 100)
    sharing.grant_team(alice, "@acme/p0", "acme", "crowd", "read")
    sign_in(client, alice)
    client.get("/package/@acme/p0/access")
    with django_assert_max_num_queries(12):
        assert client.get("/package/@acme/p0/access").status_code == 200
