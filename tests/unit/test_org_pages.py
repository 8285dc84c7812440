"""The pages of a large org: few queries, filters, files that no spreadsheet runs, one click in the matrix."""

from __future__ import annotations

import csv
import io

import pytest
from django.utils import timezone

from accounts.models import AuditEvent, User
from orgs import invitations, organizations, teams
from orgs.models import Membership, Seat, Team
from packages.models import Package, TeamGrant
from registry_site.sheets import safe
from tests.tools.sessions import sign_in

HTML = {"accept": "text/html"}
HTMX = HTML | {"HX-Request": "true"}
PAGES = """
/org/acme
/org/acme?q=package-1&access=restricted&sort=recent
/org/acme?page=7
/org/acme/members
/org/acme/members?q=1&role=developer&team=team-3&two_factor=off
/org/acme/members/teams
/org/acme/members/teams?page=9
/org/acme/members.csv
/org/acme/teams
/org/acme/teams/team-3
/org/acme/teams/team-3/edit
/org/acme/activity
/org/acme/activity?who=person-1&what=members&package=x&since=2020-01-01&until=2030-01-01
/org/acme/activity.csv
/org/acme/settings
/org/acme/tokens
/org/acme/rename
/org/acme/delete
/org/acme/teams/team-3/delete
/orgs
"""


@pytest.fixture
def large(acme, publish, alice):
    """acme with 500 members, 40 teams, 2,000 packages and as many events."""
    version = publish(alice, "@acme/first")
    now = timezone.now()
    names = [f"person-{n:03}" for n in range(495)]
    people = User.objects.bulk_create([User(username=name, email=f"{name}@example.com") for name in names])
    members = Membership.objects.bulk_create([Membership(org=acme, user=user) for user in people])
    groups = Team.objects.bulk_create([Team(org=acme, name=f"team-{n}") for n in range(37)])
    Seat.objects.bulk_create(
        [Seat(team=team, membership=each) for n, each in enumerate(members) for team in groups[n % 5 :: 5]]
    )
    packages = Package.objects.bulk_create(
        [
            Package(name=f"@acme/package-{n}", scope=acme.scope, latest=version, created_at=now, modified_at=now)
            for n in range(2000)
        ]
    )
    TeamGrant.objects.bulk_create([TeamGrant(package=each, team=groups[3], permission="read") for each in packages])
    AuditEvent.objects.bulk_create(
        [AuditEvent(action="member.removed", actor_name="alice", org="acme", person=name) for name in names]
    )
    for n in range(20):
        invitations.invite(alice, "acme", f"new-{n}@example.com", "developer", ["core"])
    return acme


def test_every_page_is_twelve_queries_at_most(large, client, alice, bob, django_assert_max_num_queries):
    for actor in (alice, bob):
        sign_in(client, actor)
        for page in PAGES.split():
            with django_assert_max_num_queries(12, info=f"{actor.name} {page}"):
                answer = client.get(page, headers=HTML)
                answer.getvalue()
            assert answer.status_code in ((200,) if actor == alice else (200, 403)), page
    sign_in(client, alice)
    with django_assert_max_num_queries(24):
        changed = client.post("/org/acme/members/seat", {"seat": "member bob team-3"}, headers=HTMX)
    assert changed.status_code == 200


def test_a_click_takes_a_seat_and_offers_undo(acme, client, alice, bob):
    sign_in(client, alice)
    member = bob.user.memberships.get()
    answer = client.post("/org/acme/members/seat", {"seat": "member bob readers"}, headers=HTMX).content.decode()
    assert f'<tr id="member-{member.pk}">' in answer
    assert 'value="none bob readers"' in answer
    assert "bob joined readers." in answer
    assert "Undo" in answer
    assert member.seats.filter(team__name="readers").exists()
    moved = client.post("/org/acme/members/seat?role=developer", {"seat": "none bob readers"}, headers=HTML)
    assert moved["Location"] == "/org/acme/members/teams?role=developer"
    assert not member.seats.filter(team__name="readers").exists()
    assert "bob left readers." in client.get(moved["Location"], headers=HTML).content.decode()


@pytest.mark.parametrize("seat", ["", "member", "member bob", "owner bob core", "member bob core x"])
def test_an_odd_click_changes_nothing(acme, client, alice, seat):
    sign_in(client, alice)
    before = list(Seat.objects.values_list("pk", flat=True)), AuditEvent.objects.count()
    assert client.post("/org/acme/members/seat", {"seat": seat}, headers=HTML).status_code == 422
    assert (list(Seat.objects.values_list("pk", flat=True)), AuditEvent.objects.count()) == before


@pytest.mark.parametrize("who", ["bob", "dave"])
def test_a_click_by_somebody_else_changes_nothing(request, acme, client, dave, who):
    sign_in(client, request.getfixturevalue(who))
    before = list(Seat.objects.values_list("pk", flat=True))
    assert client.post("/org/acme/members/seat", {"seat": "member bob readers"}, headers=HTML).status_code == 403
    assert list(Seat.objects.values_list("pk", flat=True)) == before


def read(answer) -> list[list[str]]:
    return list(csv.reader(io.StringIO(answer.getvalue().decode())))


def test_the_members_as_a_file(acme, client, alice, bob, dave):
    teams.create(alice, "acme", "x-2")
    sign_in(client, alice)
    answer = client.get("/org/acme/members.csv?team=core", headers=HTML)
    assert answer["Content-Disposition"] == 'attachment; filename="acme-members.csv"'
    head, row = read(answer)
    assert head[:4] == ["user", "role", "member since", "two-factor"]
    assert (row[0], row[3], row[head.index("core")], row[head.index("readers")]) == ("bob", "off", "yes", "")
    sign_in(client, bob)
    assert "two-factor" not in read(client.get("/org/acme/members.csv", headers=HTML))[0]
    assert len(read(client.get("/org/acme/members.csv?two_factor=on", headers=HTML))) == 6, "bob may not ask for that"
    sign_in(client, dave)
    assert client.get("/org/acme/members.csv", headers=HTML).status_code == 403


def test_the_activity_as_a_file_is_the_owners(acme, client, alice, frank):
    sign_in(client, alice)
    head, *rows = read(client.get("/org/acme/activity.csv?what=teams", headers=HTML))
    assert head[0] == "when"
    assert {row[4].partition(".")[0] for row in rows} == {"team"}
    sign_in(client, frank)
    assert client.get("/org/acme/activity.csv", headers=HTML).status_code == 403


@pytest.mark.parametrize("cell", ["=cmd()", "+1", "-1", "@x", "\t=1", "\r=1", "  =1"])
def test_e12_no_cell_is_a_formula(cell):
    assert safe(cell).startswith("'")
    assert safe("bob") == "bob"
    assert safe(None) == ""


def test_activity_is_narrowed_and_shows_no_invitation_to_developers(acme, client, publish, alice, bob):
    publish(alice, "@acme/hidden")
    TeamGrant.objects.all().delete()
    invitations.invite(alice, "acme", "new@example.com", "developer")
    organizations.set_member(alice, "acme", "carol", "admin")
    sign_in(client, alice)
    shown = client.get("/org/acme/activity?what=members&who=carol", headers=HTML).content.decode()
    assert "made carol admin" in shown
    assert "@acme/hidden" not in shown
    assert "@acme/hidden" in client.get("/org/acme/activity?package=hidden", headers=HTML).content.decode()
    assert "Nothing happened" in client.get("/org/acme/activity?since=2999-01-01", headers=HTML).content.decode()
    for odd in ("?since=x&until=2026-99-99", "?what=zzz", "?page=0", "?who=%00", "?until=9999-12-31"):
        assert client.get(f"/org/acme/activity{odd}", headers=HTML).status_code == 200, odd
    sign_in(client, bob)
    shown = client.get("/org/acme/activity", headers=HTML).content.decode()
    assert "new@example.com" not in shown
    assert "@acme/hidden" not in shown
    assert "made carol admin" in shown


def test_a_stranger_sees_public_packages_and_what_the_profile_says(acme, client, publish, alice, dave):
    publish(alice, "@acme/open", access="public")
    publish(alice, "@acme/secret")
    sign_in(client, alice)
    said = {"title": "Acme", "description": "Moves money.", "homepage": "https://acme.example"}
    client.post("/org/acme/settings", said, headers=HTML)
    client.logout()
    shown = client.get("/org/acme", headers=HTML).content.decode()
    assert "Moves money." in shown
    assert 'href="https://acme.example"' in shown
    assert "@acme/open" in shown
    assert "secret" not in shown
    assert "1 package" in shown
    assert "/org/acme/members" not in shown
    for word in ("secret", "%00", "x" * 300):
        assert client.get(f"/org/acme?q={word}&access=restricted&sort=zzz&page=x", headers=HTML).status_code == 200
