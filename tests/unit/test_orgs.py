"""Orgs: made, joined, left; the last owner stays."""

from __future__ import annotations

import pytest

from accounts.actor import NOBODY, operator
from accounts.models import AuditEvent, Scope
from orgs import organizations, profile, teams
from orgs.models import Membership, Org, Role, Seat, Team
from packages import access, sharing
from packages.access import Action
from packages.models import TeamGrant
from registry_site.errors import Conflict, Invalid, NotAllowed, NotFound, SignInRequired
from tests.conftest import login_token
from tests.tools import payloads


def rows() -> list:
    """Everything that a refusal must not change."""
    return [
        list(Org.objects.order_by("pk").values_list("pk", "title")),
        list(Membership.objects.order_by("pk").values_list("pk", "role")),
        list(Team.objects.order_by("pk").values_list("pk", flat=True)),
        list(Seat.objects.order_by("pk").values_list("pk", flat=True)),
        list(TeamGrant.objects.order_by("pk").values_list("pk", "permission")),
        AuditEvent.objects.count(),
        Scope.objects.count(),
    ]


def told() -> list[tuple[str, str]]:
    """Action and person of every event about an org, oldest first."""
    return list(AuditEvent.objects.exclude(org="").order_by("pk").values_list("action", "person"))


def test_a_new_org_has_a_scope_a_developers_team_and_its_maker_as_owner(dave):
    org = organizations.create(dave, "Newco", " New Company ")
    assert (org.name, org.title, org.scope.kind, org.scope.user) == ("newco", "New Company", "org", None)
    assert list(org.teams.values_list("name", flat=True)) == ["developers"]
    assert list(org.memberships.values_list("user__username", "role")) == [("dave", "owner")]
    assert Seat.objects.get().membership.user == dave.user
    assert told() == [("org.created", ""), ("member.added", "dave")]


@pytest.mark.parametrize("name", ["", "-x", "a/b", "a b", "admin", "x" * 65])
def test_a_bad_name_makes_no_org(dave, name):
    before = rows()
    with pytest.raises(Invalid):
        organizations.create(dave, name)
    assert rows() == before


def test_nobody_makes_no_org(db):
    with pytest.raises(SignInRequired):
        organizations.create(NOBODY, "newco")
    assert not Org.objects.exists()


def test_a_new_member_is_a_developer_in_the_developers_team(acme, alice, dave):
    membership = organizations.set_member(alice, "@acme", "@dave")
    assert membership.role == Role.DEVELOPER
    assert list(membership.seats.values_list("team__name", flat=True)) == ["developers"]
    assert told()[-1] == ("member.added", "dave")


@pytest.mark.parametrize("role", [None, "developer"])
def test_saying_it_again_changes_nothing(acme, alice, role):
    before = rows()
    assert organizations.set_member(alice, "acme", "bob", role).role == Role.DEVELOPER
    assert rows() == before


def test_a_changed_role_is_recorded_once_with_the_old_one(acme, alice):
    organizations.set_member(alice, "acme", "bob", "admin")
    event = AuditEvent.objects.first()
    assert (event.action, event.person, event.facts) == ("member.role", "bob", {"role": "admin", "was": "developer"})


@pytest.mark.parametrize("role", ["Owner", "root", "", "read", 5])
def test_an_unknown_role_is_refused(acme, alice, role):
    before = rows()
    with pytest.raises(Invalid, match="a role is one of"):
        organizations.set_member(alice, "acme", "bob", role)
    assert rows() == before


def test_an_unknown_person_is_not_added(acme, alice):
    before = rows()
    with pytest.raises(NotFound, match="no user"):
        organizations.set_member(alice, "acme", "nobody-here")
    assert rows() == before


@pytest.mark.parametrize("who", ["frank", "bob", "dave", "olga"])
@pytest.mark.parametrize("victim", ["bob", "alice", "carol", "dave"])
def test_only_owners_set_and_remove_members(request, acme, dave, olga, who, victim):
    actor, before = request.getfixturevalue(who), rows()
    with pytest.raises(NotAllowed):
        organizations.set_member(actor, "acme", victim, "owner")
    if who != victim:
        with pytest.raises(NotAllowed):
            organizations.remove_member(actor, "acme", victim)
    assert rows() == before


def test_an_admin_does_not_raise_himself(acme, frank):
    before = rows()
    with pytest.raises(NotAllowed, match="only owners"):
        organizations.set_member(frank, "acme", "frank", "owner")
    assert rows() == before


@pytest.mark.parametrize("role", ["admin", "developer"])
def test_d38_the_last_owner_keeps_the_role(acme, alice, role):
    before = rows()
    with pytest.raises(Conflict, match="last owner"):
        organizations.set_member(alice, "acme", "alice", role)
    assert rows() == before


def test_d38_the_last_owner_stays(acme, alice, bob):
    before = rows()
    with pytest.raises(Conflict, match="last owner"):
        organizations.remove_member(alice, "acme", "alice")
    assert rows() == before
    organizations.set_member(alice, "acme", "bob", "owner")
    organizations.remove_member(alice, "acme", "alice")
    with pytest.raises(Conflict):
        organizations.remove_member(bob, "acme", "bob")
    assert list(acme.memberships.filter(role="owner").values_list("user__username", flat=True)) == ["bob"]


def test_people_leave_by_themselves(acme, bob):
    organizations.remove_member(bob, "acme", "bob")
    assert not Membership.objects.filter(user=bob.user).exists()
    assert told()[-1] == ("member.removed", "bob")


def test_one_who_is_no_member_cannot_be_removed(acme, alice, dave):
    before = rows()
    with pytest.raises(NotFound, match="not a member"):
        organizations.remove_member(alice, "acme", "dave")
    with pytest.raises(NotFound, match="not a member"):
        organizations.remove_member(dave, "acme", "dave")
    assert rows() == before


def test_leaving_ends_every_seat_and_right_at_once(npm, acme, publish, alice, bob):
    publish(bob, "@acme/x")
    sharing.grant_team(alice, "@acme/x", "acme", "core", "read-write")
    secret = login_token(bob)
    caller = npm.as_(secret)
    assert caller.get("@acme/x").status_code == 200
    organizations.remove_member(alice, "acme", "bob")
    assert not Seat.objects.filter(membership__user=bob.user).exists()
    with pytest.raises(NotFound):
        access.find(bob, Action.VIEW, "@acme/x")
    assert caller.get("@acme/x").status_code == 404
    assert caller.get("@acme/x/-/x-1.0.0.tgz").status_code == 404
    assert caller.put("@acme%2fx", payloads.publish_body("@acme/x", "1.0.1")).status_code == 403
    assert caller.get("-/whoami").status_code == 200, "the token is the person's, and lives on"


def test_an_owner_who_becomes_developer_keeps_only_what_teams_give(acme, publish, alice, bob):
    publish(alice, "@acme/x")
    organizations.set_member(alice, "acme", "bob", "owner")
    assert access.find(bob, Action.MANAGE, "@acme/x")
    organizations.set_member(alice, "acme", "bob", "developer")
    with pytest.raises(NotFound):
        access.find(bob, Action.VIEW, "@acme/x")


def test_one_who_returns_gets_no_old_seat_back(acme, alice, bob):
    organizations.remove_member(alice, "acme", "bob")
    organizations.set_member(alice, "acme", "bob")
    assert list(Seat.objects.filter(membership__user=bob.user).values_list("team__name", flat=True)) == ["developers"]


def test_a_refused_removal_keeps_rights_and_tells_nobody(acme, publish, alice, bob, monkeypatch):
    publish(alice, "@acme/x")
    sharing.grant_team(alice, "@acme/x", "acme", "core", "read-only")
    before = rows()

    def fail(*args, **facts):
        raise OSError("disk full")

    monkeypatch.setattr("accounts.audit.AuditEvent.objects.create", fail)
    with pytest.raises(OSError, match="disk full"):
        organizations.remove_member(alice, "acme", "bob")
    monkeypatch.undo()
    assert rows() == before
    assert access.find(bob, Action.VIEW, "@acme/x")


def test_the_title_is_the_owners(acme, alice, frank):
    profile.change(alice, "acme", title=" Acme Ltd ")
    profile.change(alice, "acme", title="Acme Ltd")
    assert [action for action, _ in told()].count("org.profile") == 1
    before = rows()
    with pytest.raises(NotAllowed):
        profile.change(frank, "acme", title="Frank Inc")
    with pytest.raises(Invalid):
        profile.change(alice, "acme", title="x" * 121)
    assert rows() == before


def test_operators_make_orgs_for_others(dave, olga):
    org = organizations.create(operator(olga.user), "newco", owner=dave.user)
    assert org.memberships.get().user == dave.user
    assert set(AuditEvent.objects.filter(org="newco").values_list("credential", flat=True)) == {"operator"}


def test_npm_org_speaks_npms_shapes(npm, acme, alice, dave):
    caller = npm.as_(login_token(alice))
    answer = caller.put("-/org/acme/user", {"user": "dave", "role": "admin"})
    assert answer.json() == {"org": {"name": "acme", "size": 6}, "user": "dave", "role": "admin"}
    assert caller.get("-/org/acme/user").json()["dave"] == "admin"
    assert caller.delete("-/org/acme/user", {"user": "dave"}).json() == {}
    assert "dave" not in caller.get("-/org/acme/user").json()


@pytest.mark.parametrize("body", [None, [], {}, {"user": 5}, {"user": "dave", "role": 5}, {"user": "dave", "role": []}])
def test_npm_org_set_with_an_odd_body_changes_nothing(npm, acme, alice, dave, body):
    before = rows()
    answer = npm.as_(login_token(alice)).put("-/org/acme/user", body)
    assert answer.status_code in (400, 422)
    assert rows()[:5] == before[:5]


def test_members_are_for_members(npm, acme, dave, bob):
    assert npm.as_(login_token(dave)).get("-/org/acme/user").status_code == 403
    assert npm.get("-/org/acme/user").status_code == 401
    assert npm.as_(login_token(bob)).get("-/org/nowhere/user").status_code == 404


def test_the_members_page_asks_before_it_removes(client, acme, alice):
    client.force_login(alice.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    before = rows()
    assert client.post("/org/acme/members/remove", {"user": "bob"}, headers={"accept": "text/html"}).status_code == 200
    assert rows() == before
    client.post("/org/acme/members/remove", {"user": "bob", "confirm": "bob"}, headers={"accept": "text/html"})
    assert not Membership.objects.filter(user__username="bob").exists()


def test_a_person_in_two_orgs_loses_only_what_came_through_the_one(acme, publish, alice, bob, dave):
    organizations.create(dave, "other")
    organizations.set_member(dave, "other", "bob")
    publish(dave, "@other/x")
    organizations.remove_member(alice, "acme", "bob")
    assert access.find(bob, Action.PUBLISH, "@other/x")


def test_a_team_of_one_org_gives_nothing_in_another(acme, publish, alice, bob, dave):
    """Even a grant row that no verb would make gives nothing across orgs."""
    organizations.create(dave, "other")
    package = publish(dave, "@other/x").package
    TeamGrant.objects.create(package=package, team=teams.access.find_team(acme, "core"), permission="write")
    with pytest.raises(NotFound):
        access.find(bob, Action.VIEW, "@other/x")
