"""Teams: made, filled, emptied, deleted; `developers` stays."""

from __future__ import annotations

import pytest

from accounts.models import AuditEvent
from orgs import organizations, teams
from orgs.models import Seat, Team
from packages import access, sharing
from packages.access import Action
from packages.models import TeamGrant
from registry_site.errors import Conflict, Invalid, NotAllowed, NotFound
from tests.conftest import login_token
from tests.unit.test_orgs import rows


def test_a_new_team_is_empty_and_recorded(acme, frank):
    team = teams.create(frank, "@acme", "Payments", " moves money ")
    assert (team.name, team.description, team.seats.count()) == ("payments", "moves money", 0)
    event = AuditEvent.objects.first()
    assert (event.action, event.org, event.facts, event.actor_name) == (
        "team.created",
        "acme",
        {"team": "payments"},
        "frank",
    )


@pytest.mark.parametrize("name", ["", "-x", "a/b", "a b", "a:b", "x" * 65, "\N{KELVIN SIGN}"])
def test_a_bad_name_makes_no_team(acme, alice, name):
    before = rows()
    with pytest.raises(Invalid):
        teams.create(alice, "acme", name)
    assert rows() == before


def test_a_reserved_word_may_name_a_team(acme, alice):
    assert teams.create(alice, "acme", "security").name == "security"


@pytest.mark.parametrize("name", ["core", "CORE", "developers"])
def test_a_team_has_one_name_in_its_org(acme, alice, name):
    before = rows()
    with pytest.raises(Conflict):
        teams.create(alice, "acme", name)
    assert rows() == before


def test_a_description_over_the_limit_makes_no_team(acme, alice):
    before = rows()
    with pytest.raises(Invalid):
        teams.create(alice, "acme", "payments", "x" * 201)
    assert rows() == before


@pytest.mark.parametrize("who", ["bob", "carol", "dave", "olga"])
def test_only_owners_and_admins_manage_teams(request, acme, dave, olga, who):
    actor, before = request.getfixturevalue(who), rows()
    for change in (
        lambda: teams.create(actor, "acme", "payments"),
        lambda: teams.destroy(actor, "acme", "core"),
        lambda: teams.add(actor, "acme", "core", "carol"),
        lambda: teams.remove(actor, "acme", "core", "bob"),
    ):
        with pytest.raises(NotAllowed):
            change()
    assert rows() == before


def test_the_developers_team_cannot_be_deleted(acme, alice):
    before = rows()
    with pytest.raises(Conflict, match="developers"):
        teams.destroy(alice, "acme", "developers")
    assert rows() == before


def test_a_deleted_team_takes_its_grants_along_at_once(acme, publish, alice, bob):
    publish(alice, "@acme/x")
    sharing.revoke_team(alice, "@acme/x", "acme", "developers")
    sharing.grant_team(alice, "@acme/x", "acme", "core", "read-write")
    assert access.find(bob, Action.PUBLISH, "@acme/x")
    teams.destroy(alice, "acme", "core")
    assert not TeamGrant.objects.exists()
    with pytest.raises(NotFound):
        access.find(bob, Action.VIEW, "@acme/x")
    assert not Team.objects.filter(name="core").exists()


def test_a_seat_is_for_members_of_the_org(acme, alice, dave):
    before = rows()
    with pytest.raises(NotFound, match="not a member"):
        teams.add(alice, "acme", "core", "dave")
    assert rows() == before


def test_a_second_seat_changes_nothing(acme, alice):
    before = rows()
    teams.add(alice, "acme", "core", "@bob")
    assert rows() == before


def test_losing_the_seat_ends_the_right_and_not_the_membership(npm, acme, publish, alice, bob):
    publish(alice, "@acme/x")
    sharing.grant_team(alice, "@acme/x", "acme", "core", "read-only")
    caller = npm.as_(login_token(bob))
    assert caller.get("@acme/x").status_code == 200
    teams.remove(alice, "acme", "core", "bob")
    assert caller.get("@acme/x").status_code == 404
    assert caller.get("-/org/acme/user").json()["bob"] == "developer"


def test_a_member_may_leave_even_the_developers_team_and_is_not_put_back(acme, publish, alice, carol):
    """conftest took carol out; a new package and a new role leave her out."""
    publish(alice, "@acme/x")
    organizations.set_member(alice, "acme", "carol", "developer")
    assert not Seat.objects.filter(membership__user=carol.user).exists()
    with pytest.raises(NotFound):
        access.find(carol, Action.VIEW, "@acme/x")


@pytest.mark.parametrize(("team", "user"), [("core", "carol"), ("core", "nobody-here"), ("nowhere", "bob")])
def test_removing_what_is_not_there_is_404_and_records_nothing(acme, alice, team, user):
    before = rows()
    with pytest.raises(NotFound):
        teams.remove(alice, "acme", team, user)
    assert rows() == before


def test_each_change_of_a_team_is_one_event(acme, alice):
    seen = AuditEvent.objects.count()
    teams.create(alice, "acme", "payments")
    teams.add(alice, "acme", "payments", "bob")
    teams.add(alice, "acme", "payments", "bob")
    teams.remove(alice, "acme", "payments", "bob")
    teams.destroy(alice, "acme", "payments")
    told = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))[seen:]
    assert told == ["team.created", "team.joined", "team.left", "team.deleted"]


def test_the_audit_names_a_member_without_npms_sign(acme, alice):
    teams.create(alice, "acme", "payments")
    teams.add(alice, "acme", "payments", "@bob")
    teams.remove(alice, "acme", "payments", "@bob")
    assert set(
        AuditEvent.objects.filter(action__in=("team.joined", "team.left"), facts__team="payments").values_list(
            "person", flat=True
        )
    ) == {"bob"}


def test_npm_reads_strings_and_pnpm_objects(npm, acme, bob):
    caller = npm.as_(login_token(bob))
    assert caller.get("-/org/acme/team?format=cli").json() == ["acme:core", "acme:developers", "acme:readers"]
    assert caller.get("-/org/acme/team").json() == [{"name": "core"}, {"name": "developers"}, {"name": "readers"}]
    assert caller.get("-/team/acme/core/user?format=cli").json() == ["bob"]
    assert caller.get("-/team/acme/core/user").json() == [{"name": "bob"}]


def test_npm_team_makes_fills_and_deletes(npm, acme, alice):
    caller = npm.as_(login_token(alice))
    assert caller.put("-/org/acme/team", {"name": "payments"}).status_code == 201
    assert caller.put("-/team/acme/payments/user", {"user": "bob"}).status_code == 201
    assert caller.get("-/team/acme/payments/user?format=cli").json() == ["bob"]
    assert caller.delete("-/team/acme/payments/user", {"user": "bob"}).status_code == 200
    assert caller.delete("-/team/acme/payments").status_code == 200
    assert caller.get("-/team/acme/payments/user").status_code == 404


@pytest.mark.parametrize("path", ["-/org/acme/team", "-/team/acme/core/user", "-/team/acme/core/package"])
def test_teams_are_for_members(npm, acme, dave, path):
    assert npm.as_(login_token(dave)).get(path).status_code == 403
    assert npm.get(path).status_code == 401
