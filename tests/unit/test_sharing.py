"""Access levels, grants to people and teams, owners; a change shows at the next request."""

from __future__ import annotations

import pytest

from accounts.models import AuditEvent
from orgs import organizations
from packages import access, collaborators, previews, reasons, search, sharing
from packages.access import Action
from packages.models import Package, PersonGrant, TeamGrant
from packages.packuments import revision_of
from registry_site.errors import Conflict, Invalid, NotAllowed, NotFound
from tests.conftest import login_token
from tests.policy.world import snapshot
from tests.tools.sessions import sign_in

NAME = "@uma/x"


@pytest.fixture
def mine(publish, uma) -> Package:
    return publish(uma, NAME).package


@pytest.fixture
def loose(publish, uma) -> Package:
    return publish(uma, "loose").package


def grants() -> dict[str, str]:
    return dict(PersonGrant.objects.values_list("user__username", "permission"))


# --- public and private ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["restricted", "private"])
def test_what_is_made_private_is_gone_for_others_at_the_next_request(npm, client, publish, uma, dave, word):
    publish(uma, NAME, access="public")
    stranger, mine = npm.as_(login_token(dave)), npm.as_(login_token(uma))
    surfaces = [NAME, f"{NAME}/1.0.0", f"{NAME}/-/x-1.0.0.tgz", "-/package/@uma%2fx/visibility"]
    assert [stranger.get(each).status_code for each in surfaces] == [200] * 4
    etag = stranger.get(NAME)["ETag"]
    sharing.set_access(uma, NAME, word)
    assert [stranger.get(each).status_code for each in surfaces] == [404] * 4
    assert stranger.get(NAME, if_none_match=etag).status_code == 404
    assert stranger.get("-/v1/search?text=x").json()["total"] == 0
    assert stranger.get("-/user/uma/package").json() == {}
    client.force_login(dave.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    for page in ("/search?q=x", "/~uma", "/"):
        assert NAME not in client.get(page, headers={"accept": "text/html"}).content.decode()
    assert [mine.get(each).status_code for each in surfaces] == [200] * 4
    sharing.set_access(uma, NAME, "public")
    assert [stranger.get(each).status_code for each in surfaces] == [200] * 4
    assert stranger.get("-/v1/search?text=x").json()["total"] == 1


def test_a_change_of_level_is_one_event_with_the_old_level(mine, uma):
    sharing.set_access(uma, NAME, "public")
    event = AuditEvent.objects.first()
    assert (event.action, event.facts) == ("access.set", {"access": "public", "was": "restricted"})
    before = snapshot()
    sharing.set_access(uma, NAME, "public")
    assert snapshot() == before


@pytest.mark.parametrize("level", ["", "Public", "none", "restricted ", "everyone"])
def test_an_unknown_level_is_refused(mine, uma, level):
    before = snapshot()
    with pytest.raises(Invalid):
        sharing.set_access(uma, NAME, level)
    assert snapshot() == before


def test_an_unscoped_package_stays_public(loose, uma):
    before = snapshot()
    with pytest.raises(Invalid, match="always public"):
        sharing.set_access(uma, "loose", "restricted")
    assert snapshot() == before


@pytest.mark.parametrize("body", [{}, {"access": None}, {"access": 5}, {"access": "x"}, [], "private"])
def test_npm_access_with_an_odd_body_changes_nothing(npm, mine, uma, body):
    caller = npm.as_(login_token(uma))
    before = snapshot()
    assert caller.post("-/package/@uma%2fx/access", body).status_code in (400, 422)
    assert snapshot() == before


def test_the_level_page_previews_first_and_asks_for_the_name(client, mine, uma, hugo):
    sharing.grant_person(uma, NAME, "hugo", "read")
    sign_in(client, uma)
    before = snapshot()
    for more in ({}, {"confirm": "x"}):
        page = client.post(
            f"/package/{NAME}/access/level", {"access": "public"} | more, headers={"accept": "text/html"}
        )
        assert page.status_code == 200
        assert page.context["preview"].exposes
        assert page.context["preview"].people == ["hugo", "uma"]
    assert snapshot() == before
    client.post(f"/package/{NAME}/access/level", {"access": "public", "confirm": NAME}, headers={"accept": "text/html"})
    assert Package.objects.get().access == "public"


# --- people ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "kept"), [("read", "read"), ("read-only", "read"), ("write", "write"), ("read-write", "write")]
)
def test_a_grant_works_at_the_next_request_and_its_end_too(npm, mine, uma, dave, word, kept):
    caller = npm.as_(login_token(dave))
    assert caller.get(NAME).status_code == 404
    sharing.grant_person(uma, NAME, "@dave", word)
    assert grants() == {"dave": kept}
    assert caller.get(NAME).status_code == 200
    assert (Action.PUBLISH in access.can(access.find(dave, Action.VIEW, NAME))) is (kept == "write")
    sharing.revoke_person(uma, NAME, "@dave")
    assert caller.get(NAME).status_code == 404
    events = AuditEvent.objects.filter(person="dave", package=NAME).order_by("pk")
    assert [event.action for event in events] == ["person.granted", "person.revoked"]


def test_the_same_grant_again_changes_nothing(mine, uma, hugo):
    sharing.grant_person(uma, NAME, "hugo", "read-write")
    before = snapshot()
    sharing.grant_person(uma, NAME, "hugo", "write")
    sharing.grant_person(uma, NAME, "uma", "read")  # the scope's user stays the owner
    assert snapshot() == before


@pytest.mark.parametrize(
    ("person", "permission", "refusal"),
    [
        ("nobody-here", "read", NotFound),
        ("hugo", "admin", Invalid),
        ("hugo", "", Invalid),
        ("hugo", "owner", Invalid),  # the scope's user owns what is in the scope
        ("acme", "read", NotFound),  # an org is no person
    ],
)
def test_a_grant_that_cannot_be_is_refused(mine, acme, uma, hugo, person, permission, refusal):
    before = snapshot()
    with pytest.raises(refusal):
        sharing.grant_person(uma, NAME, person, permission)
    assert snapshot() == before


def test_a_suspended_person_is_given_nothing(mine, uma, hugo):
    hugo.user.is_active = False
    hugo.user.save()
    before = snapshot()
    with pytest.raises(NotFound):
        sharing.grant_person(uma, NAME, "hugo", "read")
    assert snapshot() == before


def test_revoking_what_was_not_given_is_404(mine, uma, dave):
    before = snapshot()
    for name in ("dave", "nobody-here", "uma"):
        with pytest.raises(NotFound):
            sharing.revoke_person(uma, NAME, name)
    assert snapshot() == before


def test_a_writer_shares_nothing_not_even_his_own_leaving(mine, uma, hugo, dave):
    sharing.grant_person(uma, NAME, "hugo", "read-write")
    before = snapshot()
    for change in (
        lambda: sharing.grant_person(hugo, NAME, "dave", "read"),
        lambda: sharing.revoke_person(hugo, NAME, "hugo"),
        lambda: sharing.set_access(hugo, NAME, "public"),
        lambda: previews.level(hugo, NAME, "public"),
    ):
        with pytest.raises(NotAllowed):
            change()
    assert snapshot() == before


def test_d38_the_last_owner_of_an_unscoped_package_stays(loose, uma, hugo):
    before = snapshot()
    for change in (
        lambda: sharing.revoke_person(uma, "loose", "uma"),
        lambda: sharing.grant_person(uma, "loose", "uma", "read"),
        lambda: sharing.grant_person(uma, "loose", "uma", "read-write"),
    ):
        with pytest.raises(Conflict, match="last owner"):
            change()
    assert snapshot() == before
    sharing.grant_person(uma, "loose", "hugo", "owner")
    sharing.revoke_person(uma, "loose", "uma")
    assert grants() == {"hugo": "owner"}


def test_people_are_not_given_packages_of_an_org(acme, publish, alice, dave):
    publish(alice, "@acme/x")
    before = snapshot()
    with pytest.raises(NotAllowed, match="shared with its teams"):
        sharing.grant_person(alice, "@acme/x", "dave", "read")
    assert snapshot() == before


# --- teams -------------------------------------------------------------------------------------------------------


def test_a_team_is_given_a_package_and_loses_it(npm, acme, publish, alice, bob):
    publish(alice, "@acme/x")
    caller = npm.as_(login_token(bob))
    sharing.grant_team(alice, "@acme/x", "@acme", "core", "read-only")
    assert caller.get("@acme/x").status_code == 200
    assert caller.get("-/team/acme/core/package").json() == {"@acme/x": "read"}
    sharing.grant_team(alice, "@acme/x", "acme", "core", "read-write")
    assert access.find(bob, Action.PUBLISH, "@acme/x")
    sharing.revoke_team(alice, "@acme/x", "acme", "core")
    assert caller.get("@acme/x").status_code == 404
    actions = (
        AuditEvent.objects.filter(package="@acme/x", facts__team="core").order_by("pk").values_list("action", flat=True)
    )
    assert list(actions) == ["team.granted", "team.granted", "team.revoked"]


@pytest.mark.parametrize(
    ("package", "org", "team", "permission", "refusal"),
    [
        ("@acme/x", "acme", "nowhere", "read-only", NotFound),
        ("@acme/x", "other", "developers", "read-only", NotAllowed),
        ("@acme/x", "acme", "core", "owner", Invalid),
        ("@acme/x", "acme", "core", "all", Invalid),
        ("@alice/x", "acme", "core", "read-only", NotAllowed),
        ("loose", "acme", "core", "read-only", NotAllowed),
        ("@acme/missing", "acme", "core", "read-only", NotFound),
    ],
)
def test_a_team_grant_that_cannot_be_is_refused(acme, publish, alice, package, org, team, permission, refusal):
    organizations.create(alice, "other")
    for name in ("@acme/x", "@alice/x", "loose"):
        publish(alice, name)
    before = snapshot()
    with pytest.raises(refusal):
        sharing.grant_team(alice, package, org, team, permission)
    assert snapshot() == before


def test_the_same_team_grant_again_changes_nothing_and_none_to_revoke_is_404(acme, publish, alice):
    publish(alice, "@acme/x")
    before = snapshot()
    sharing.grant_team(alice, "@acme/x", "acme", "developers", "write")
    with pytest.raises(NotFound):
        sharing.revoke_team(alice, "@acme/x", "acme", "core")
    assert snapshot() == before
    assert TeamGrant.objects.count() == 1


# --- npm owner ---------------------------------------------------------------------------------------------------


def put_owners(npm, actor, name: str, owners, revision: str | None = None):
    revision = revision or revision_of(Package.objects.get(name=name))
    body = {"_id": name, "_rev": revision, "maintainers": [{"name": each, "email": "x@y"} for each in owners]}
    return npm.as_(login_token(actor)).put(f"{name.replace('/', '%2f')}/-rev/{revision}", body)


def test_npm_owner_adds_and_removes(npm, mine, uma, hugo, gina):
    assert put_owners(npm, uma, NAME, ["uma", "hugo", "gina"]).status_code == 201
    assert grants() == {"hugo": "write", "gina": "write"}
    assert put_owners(npm, uma, NAME, ["uma", "gina"]).status_code == 201
    assert grants() == {"gina": "write"}


def test_npm_owner_makes_owners_where_there_is_no_scope(npm, loose, uma, hugo):
    assert put_owners(npm, uma, "loose", ["uma", "hugo"]).status_code == 201
    assert grants() == {"uma": "owner", "hugo": "owner"}
    assert put_owners(npm, uma, "loose", ["hugo"]).status_code == 201
    assert grants() == {"hugo": "owner"}


def test_npm_owner_leaves_readers_alone(npm, mine, uma, hugo, gina):
    sharing.grant_person(uma, NAME, "gina", "read")
    put_owners(npm, uma, NAME, ["uma", "hugo"])
    assert grants() == {"gina": "read", "hugo": "write"}


OWNER_REFUSALS = [
    (NAME, ["uma", "hugo"], "undefined", 409),  # yarn 1 sends a list it never read
    (NAME, ["uma", "hugo"], "1-made-up", 409),
    (NAME, [], None, 409),
    (NAME, ["hugo"], None, 409),  # without the scope's user
    (NAME, ["uma", "nobody-here"], None, 404),
    (NAME, ["uma", "hugo", "nobody-here"], None, 404),  # all or none
    ("loose", [], None, 409),
    ("loose", ["nobody-here"], None, 404),
]


@pytest.mark.parametrize(("name", "owners", "revision", "status"), OWNER_REFUSALS)
def test_owners_that_cannot_be_are_refused_whole(npm, mine, loose, uma, hugo, name, owners, revision, status):
    before = snapshot()
    refused = put_owners(npm, uma, name, owners, revision)
    assert refused.status_code == status, refused.content
    after = snapshot()
    assert after[:5] == before[:5]
    assert AuditEvent.objects.filter(action__startswith="person.").count() == 0


def test_pnpm_owner_adds_and_removes_one_at_a_time(npm, mine, loose, uma, hugo):
    caller = npm.as_(login_token(uma))
    for name, permission in ((NAME, "write"), ("loose", "owner")):
        assert caller.put(f"-/package/{name}/owners", {"user": "hugo"}).status_code == 200
        assert Package.objects.get(name=name).person_grants.get(user=hugo.user).permission == permission
        assert caller.delete(f"-/package/{name}/owners/hugo").status_code == 200
        assert not Package.objects.get(name=name).person_grants.filter(user=hugo.user).exists()


def test_pnpm_owner_leaves_the_last_one(npm, acme, publish, mine, loose, uma, alice, hugo):
    publish(alice, "@acme/x")
    his, hers = npm.as_(login_token(uma)), npm.as_(login_token(alice))
    before = snapshot()
    assert his.delete(f"-/package/{NAME}/owners/uma").status_code == 409
    assert his.delete("-/package/loose/owners/uma").status_code == 409
    assert his.delete("-/package/loose/owners/hugo").status_code == 404
    assert his.put("-/package/loose/owners", {"user": "nobody-of-that-name"}).status_code == 404
    assert his.put("-/package/loose/owners", {}).status_code == 400
    assert hers.put("-/package/@acme/x/owners", {"user": "hugo"}).status_code == 403
    assert hers.delete("-/package/@acme/x/owners/alice").status_code == 403
    assert snapshot() == before


def test_npm_owner_of_an_org_package_explains_teams(npm, acme, publish, alice, hugo):
    publish(alice, "@acme/x")
    refused = put_owners(npm, alice, "@acme/x", ["acme", "hugo"])
    assert refused.status_code == 403
    assert "npm access grant" in refused.json()["error"]
    assert not PersonGrant.objects.exists()


# --- who sees whom -----------------------------------------------------------------------------------------------


def test_collaborators_say_why(acme, publish, alice, bob, frank, uma, hugo):
    publish(alice, "@acme/x")
    sharing.grant_team(alice, "@acme/x", "acme", "core", "read-write")
    found = collaborators.everyone(access.find(alice, Action.VIEW, "@acme/x"))
    assert [(each.user.username, each.permission, str(each.reason)) for each in found] == [
        ("alice", "owner", "owner of the org"),
        ("frank", "owner", "admin of the org"),
        ("bob", "write", "the team core has read-write"),
    ]
    publish(uma, NAME)
    sharing.grant_person(uma, NAME, "hugo", "read")
    found = collaborators.everyone(access.find(uma, Action.VIEW, NAME))
    assert [(each.user.username, each.permission, each.removable) for each in found] == [
        ("uma", "owner", False),
        ("hugo", "read", True),
    ]


def test_the_strongest_of_several_reasons_is_told(acme, publish, alice, bob):
    publish(alice, "@acme/x")
    for team, permission in (("core", "read-only"), ("readers", "read-write")):
        sharing.grant_team(alice, "@acme/x", "acme", team, permission)
    from orgs import teams

    teams.add(alice, "acme", "readers", "bob")
    why = reasons.of(access.find(alice, Action.VIEW, "@acme/x"))
    assert str(why[bob.user.pk]) == "the team readers has read-write"


def test_strangers_of_a_public_package_see_its_maintainers_only(npm, client, publish, uma, hugo, gina, dave):
    publish(uma, NAME, access="public")
    sharing.grant_person(uma, NAME, "hugo", "read-write")
    sharing.grant_person(uma, NAME, "gina", "read")
    path = "-/package/@uma%2fx/collaborators"
    assert npm.as_(login_token(gina)).get(path).json() == {"uma": "write", "hugo": "write", "gina": "read"}
    for token in (None, login_token(dave)):
        assert npm.as_(token).get(path).json() == {"uma": "write", "hugo": "write"}
    for page in ("", "/access", "/activity"):
        assert "gina" not in client.get(f"/package/{NAME}{page}", headers={"accept": "text/html"}).content.decode()


def test_what_i_can_only_read_is_in_my_list_and_not_in_the_one_others_see(mine, uma, gina):
    sharing.grant_person(uma, NAME, "gina", "read")
    assert [each.name for each in search.of_person(gina, gina.user)] == [NAME]
    assert [each.name for each in search.of_person(uma, gina.user)] == []
