"""What becomes of an org's name: renamed while no package is called by it, deleted while it holds none."""

from __future__ import annotations

import pytest

from accounts import people
from accounts.limits import Limits
from accounts.models import AuditEvent, Scope, Token
from orgs import access as org_access
from orgs import invitations, organizations, profile, service_accounts, teams
from orgs.models import FormerName, Membership, Org, Team
from packages import access, releases, scopes
from packages.access import Action
from packages.models import Package, TeamGrant
from packages.packuments import revision_of
from registry_site.errors import Conflict, Invalid, NotAllowed, NotFound
from tests.conftest import login_token
from tests.tools import payloads
from tests.tools.sessions import sign_in

HTML = {"accept": "text/html"}


def rows() -> list:
    """Everything that a refusal must not change."""
    return [
        list(Org.objects.order_by("pk").values_list("pk", "scope__name", "title", "first_grant")),
        list(Scope.objects.order_by("pk").values_list("pk", "name")),
        list(Team.objects.order_by("pk").values_list("pk", "name")),
        Membership.objects.count(),
        AuditEvent.objects.count(),
    ]


def test_an_org_without_packages_has_another_name_and_keeps_the_old_one(acme, alice, bob, dave):
    scopes.rename(alice, "acme", "@Globex")
    assert org_access.find(bob, org_access.Action.PEOPLE, "globex").pk == acme.pk
    with pytest.raises(NotFound, match="there is no org acme"):
        org_access.find(bob, org_access.Action.PEOPLE, "acme")
    for taken in ("acme", "globex"):
        with pytest.raises(Conflict):
            organizations.create(dave, taken)
        with pytest.raises(Conflict):
            people.create(dave, taken, "x@example.com")


def test_npm_knows_the_new_name_only(npm, acme, alice):
    scopes.rename(alice, "acme", "globex")
    caller = npm.as_(login_token(alice))
    assert caller.get("-/org/acme/user").status_code == 404
    assert caller.get("-/org/acme/user").json()["error"].startswith("there is no org acme")
    assert caller.put("@acme%2fx", payloads.publish_body("@acme/x", "1.0.0")).status_code == 403
    assert caller.put("@globex%2fx", payloads.publish_body("@globex/x", "1.0.0")).status_code in (200, 201)
    assert not Package.objects.filter(name__startswith="@acme/").exists()


def test_tokens_of_service_accounts_go_on_in_the_new_scope(npm, acme, alice):
    _, secret = service_accounts.create(alice, "acme", "deploy", Limits(permission="read-write", days=1))
    scopes.rename(alice, "acme", "globex")
    caller = npm.as_(secret)
    assert caller.get("-/whoami").json() == {"username": "globex/deploy"}
    assert caller.put("@globex%2fx", payloads.publish_body("@globex/x", "1.0.0")).status_code in (200, 201)
    assert caller.put("@acme%2fx", payloads.publish_body("@acme/x", "1.0.0")).status_code == 403


def test_a_former_name_can_be_taken_back_by_its_org_alone(acme, alice, dave):
    scopes.rename(alice, "acme", "globex")
    organizations.create(dave, "other")
    with pytest.raises(Conflict):
        scopes.rename(dave, "other", "acme")
    scopes.rename(alice, "globex", "acme")
    assert Org.objects.get(pk=acme.pk).name == "acme"
    assert FormerName.objects.get().scope.name == "globex"


def test_an_org_that_ever_had_a_package_keeps_its_name(acme, publish, alice):
    package = publish(alice, "@acme/x").package
    before = rows()
    with pytest.raises(Conflict, match="for ever"):
        scopes.rename(alice, "acme", "globex")
    assert rows() == before
    releases.unpublish(alice, "@acme/x", revision_of(Package.objects.get(pk=package.pk)))
    with pytest.raises(Conflict, match="for ever"):
        scopes.rename(alice, "acme", "globex")


@pytest.mark.parametrize(("name", "error"), [("admin", Invalid), ("a b", Invalid), ("dave", Conflict), ("", Invalid)])
def test_a_bad_or_taken_name_renames_nothing(acme, alice, dave, name, error):
    before = rows()
    with pytest.raises(error):
        scopes.rename(alice, "acme", name)
    assert rows() == before


@pytest.mark.parametrize("who", ["frank", "bob", "dave", "olga"])
def test_only_owners_rename_delete_and_set(request, acme, dave, olga, who):
    actor, before = request.getfixturevalue(who), rows()
    for refused in (
        lambda: scopes.rename(actor, "acme", "globex"),
        lambda: scopes.delete(actor, "acme"),
        lambda: profile.change(actor, "acme", title="Mine"),
        lambda: profile.set_first_grant(actor, "acme", "none"),
    ):
        with pytest.raises(NotAllowed):
            refused()
    assert rows() == before


def test_pages_under_the_old_name_lead_on_for_good(client, acme, alice, dave):
    scopes.rename(alice, "acme", "globex")
    for visitor in (None, dave, alice):
        if visitor:
            sign_in(client, visitor)
        moved = client.get("/org/acme?q=x", headers=HTML)
        assert (moved.status_code, moved["Location"]) == (301, "/org/globex?q=x")
    assert client.get("/org/acme/teams/core", headers=HTML)["Location"] == "/org/globex/teams/core"
    assert client.post("/org/acme/settings", {"title": "x"}, headers=HTML).status_code == 404


def test_a_renamed_team_leads_on_and_keeps_its_old_name(client, npm, acme, alice, bob, dave):
    teams.change(alice, "acme", "core", new_name="Platform", description="All of it.")
    sign_in(client, bob)
    assert client.get("/org/acme/teams/core", headers=HTML)["Location"] == "/org/acme/teams/platform"
    assert npm.as_(login_token(bob)).get("-/team/acme/core/user").status_code == 404
    with pytest.raises(Conflict, match="former name"):
        teams.create(alice, "acme", "core")
    with pytest.raises(Conflict, match="former name"):
        teams.change(alice, "acme", "readers", new_name="core", description="")
    sign_in(client, dave)
    assert client.get("/org/acme/teams/core", headers=HTML).status_code == 403, "strangers are not told the new name"
    teams.change(alice, "acme", "platform", new_name="core", description="")
    assert bob.user.memberships.get().seats.get().team.name == "core"


def test_developers_keep_their_name(acme, alice):
    before = rows()
    with pytest.raises(Conflict):
        teams.change(alice, "acme", "developers", new_name="all", description="")
    assert rows() == before


def test_an_org_is_deleted_with_all_that_hangs_on_it(npm, acme, alice, bob, dave):
    _, secret = service_accounts.create(alice, "acme", "deploy", Limits(permission="read-write", days=1))
    _, link = invitations.invite(alice, "acme", "new@example.com", "developer")
    scopes.delete(alice, "acme")
    assert AuditEvent.objects.first().action == "org.deleted"
    assert not Org.objects.exists()
    assert not Membership.objects.exists()
    assert people.open_invitation(link) is None
    assert Token.objects.get(kind="service").revoked_at
    assert npm.as_(secret).get("-/whoami").status_code == 401
    assert npm.as_(login_token(bob)).put("@acme%2fx", payloads.publish_body("@acme/x", "1.0.0")).status_code == 403
    with pytest.raises(Conflict):
        organizations.create(dave, "acme")


def test_an_org_with_packages_or_staged_versions_stays(acme, publish, stage, alice):
    publish(alice, "@acme/x")
    before = rows()
    with pytest.raises(Conflict, match="holds packages"):
        scopes.delete(alice, "acme")
    assert rows() == before
    releases.unpublish(alice, "@acme/x", revision_of(Package.objects.get()))
    stage(alice, "@acme/y", "1.0.0")
    with pytest.raises(Conflict, match="holds packages"):
        scopes.delete(alice, "acme")
    assert scopes.holdings(acme.scope).staged == ["@acme/y"]


def test_the_pages_say_why_and_ask_for_the_name(client, acme, publish, alice, bob):
    organizations.create(alice, "empty")
    publish(alice, "@acme/x")
    sign_in(client, alice)
    assert "/package/@acme/x" in client.get("/org/acme/delete", headers=HTML).content.decode()
    assert "Change the title" in client.get("/org/acme/rename", headers=HTML).content.decode()
    assert "Type empty to confirm." in client.post("/org/empty/delete", {"confirm": "x"}, headers=HTML).content.decode()
    assert client.post("/org/empty/rename", {"new_name": "fresh"}, headers=HTML)["Location"] == "/org/fresh/settings"
    sign_in(client, alice, seconds_ago=3600)
    client.post("/org/fresh/delete", {"confirm": "fresh"}, headers=HTML)
    assert Org.objects.filter(scope__name="fresh").exists(), "who showed nothing lately is asked first"
    sign_in(client, alice)
    client.post("/org/fresh/delete", {"confirm": "fresh"}, headers=HTML)
    assert not Org.objects.filter(scope__name="fresh").exists()
    sign_in(client, bob)
    for page in ("rename", "delete", "settings"):
        assert client.get(f"/org/acme/{page}", headers=HTML).status_code == 403


@pytest.mark.parametrize(("given", "permission"), [("write", "write"), ("read", "read"), ("none", None)])
def test_a_new_package_gives_developers_what_the_org_says(acme, publish, alice, bob, given, permission):
    profile.set_first_grant(alice, "acme", given)
    publish(bob, "@acme/x")
    found = list(TeamGrant.objects.values_list("team__name", "permission"))
    assert found == ([("developers", permission)] if permission else [])
    assert access.find(alice, Action.MANAGE, "@acme/x"), "owners manage it whatever it gives"
    assert not access.visible_to(bob).exists(), "bob is not in developers"


@pytest.mark.parametrize("word", ["", "owner", "WRITE"])
def test_an_unknown_first_grant_changes_nothing(acme, alice, word):
    before = rows()
    with pytest.raises(Invalid):
        profile.set_first_grant(alice, "acme", word)
    assert rows() == before


@pytest.mark.parametrize("said", [{"homepage": "javascript:x"}, {"title": "a\nb"}, {"description": "x" * 301}])
def test_a_profile_says_one_line_and_a_web_address(acme, alice, said):
    before = rows()
    with pytest.raises(Invalid):
        profile.change(alice, "acme", **said)
    assert rows() == before
