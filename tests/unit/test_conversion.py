"""Turning a user into an org: names, packages and everybody's rights stay."""

from __future__ import annotations

import pytest

from accounts.actor import NOBODY
from accounts.models import AuditEvent, Scope, User
from orgs.models import Membership, Org
from packages import access, conversion, sharing
from packages.access import Action
from packages.models import Package, PersonGrant
from registry_site.errors import Conflict, Invalid, NotFound, SignInRequired
from tests.conftest import PASSWORD, login_token, person
from tests.policy.world import snapshot
from tests.tools.sessions import sign_in


@pytest.fixture
def shared(publish, uma, hugo, gina, dave):
    """@uma/x private, hugo read-write and gina read; @uma/y public, dave read-write; loose without scope."""
    publish(uma, "@uma/x")
    publish(uma, "@uma/y", access="public")
    publish(uma, "loose")
    sharing.grant_person(uma, "@uma/x", "hugo", "read-write")
    sharing.grant_person(uma, "@uma/x", "gina", "read")
    sharing.grant_person(uma, "@uma/y", "dave", "read-write")


def rights(*actors) -> dict[tuple[str, str], frozenset]:
    """What everybody may do with every package."""
    found = {}
    for actor in actors:
        seen = {package.name: access.can(package) for package in access.visible_to(actor)}
        for name in Package.objects.values_list("name", flat=True):
            found[actor.user.pk, name] = seen.get(name, frozenset())
    return found


def fresh(actor):
    from accounts.actor import Actor

    return Actor(User.objects.get(pk=actor.user.pk), credential="session")


def test_everybody_keeps_exactly_what_they_had(shared, uma, hugo, gina, dave, erin):
    before = rights(uma, hugo, gina, dave, erin)
    org = conversion.become_org(uma, "uma-person")
    assert rights(*map(fresh, (uma, hugo, gina, dave, erin))) == before
    assert (org.name, org.scope.kind, org.scope.user) == ("uma", "org", None)
    assert list(Membership.objects.order_by("pk").values_list("user__username", "role")) == [
        ("uma-person", "owner"),
        ("gina", "developer"),
        ("hugo", "developer"),
        ("dave", "developer"),
    ]
    assert not PersonGrant.objects.exclude(package__name="loose").exists()


def test_a_newcomer_of_the_org_gets_nothing_that_was_private(shared, uma, erin):
    from orgs import organizations

    conversion.become_org(uma, "uma-person")
    organizations.set_member(fresh(uma), "uma", "erin")
    with pytest.raises(NotFound):
        access.find(erin, Action.VIEW, "@uma/x")


def test_the_person_keeps_the_login_the_tokens_and_what_has_no_scope(client, npm, shared, uma):
    secret = login_token(uma)
    conversion.become_org(uma, "uma-person")
    caller = npm.as_(secret)
    assert caller.get("-/whoami").json() == {"username": "uma-person"}
    assert caller.get("@uma/x").status_code == 200
    assert PersonGrant.objects.get(package__name="loose").user == uma.user
    assert Scope.objects.get(name="uma-person").user == uma.user
    assert client.login(username="uma-person", password=PASSWORD)
    assert npm.put("-/user/org.couchdb.user:uma", {"name": "uma", "password": PASSWORD}).status_code == 401


def test_the_plan_goes_along(shared, uma):
    Scope.objects.filter(name="uma").update(plan="paid")
    conversion.become_org(uma, "uma-person")
    assert set(Scope.objects.filter(name__startswith="uma").values_list("plan", flat=True)) == {"paid"}


def test_it_is_told_once_for_the_person_the_org_and_each_package(shared, uma):
    seen = AuditEvent.objects.count()
    conversion.become_org(uma, "uma-person")
    told = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))[seen:]
    assert told.count("user.became_org") == told.count("org.created") == 1
    assert told.count("package.converted") == 2
    assert told.count("member.added") == 4


@pytest.mark.parametrize(
    ("name", "refusal"), [("hugo", Conflict), ("uma", Conflict), ("admin", Invalid), ("-", Invalid), ("", Invalid)]
)
def test_a_new_name_that_cannot_be_changes_nothing(shared, uma, name, refusal):
    before = snapshot()
    with pytest.raises(refusal):
        conversion.become_org(uma, name)
    assert snapshot() == before
    assert not Org.objects.exists()
    assert User.objects.get(pk=uma.user.pk).username == "uma"


def test_nobody_becomes_nothing(db):
    with pytest.raises(SignInRequired):
        conversion.become_org(NOBODY, "x")


@pytest.mark.parametrize("base", ["x" * 209, "a.b_c-d", "developers", "new"])
def test_any_package_name_makes_a_team_name(publish, uma, hugo, base):
    publish(uma, f"@uma/{base}")
    sharing.grant_person(uma, f"@uma/{base}", "hugo", "read")
    conversion.become_org(uma, "uma-person")
    assert access.find(hugo, Action.VIEW, f"@uma/{base}")


def test_a_package_that_was_unpublished_comes_along(publish, uma):
    from packages import releases
    from packages.packuments import revision_of

    publish(uma, "@uma/x")
    releases.unpublish(uma, "@uma/x", revision_of(Package.objects.get()))
    conversion.become_org(uma, "uma-person")
    publish(fresh(uma), "@uma/x", "1.0.1")
    assert access.find(fresh(uma), Action.MANAGE, "@uma/x")


def test_the_page_asks_for_the_old_name(client, shared, uma):
    sign_in(client, uma)
    before = snapshot()
    for sent in (
        {"new_name": "uma-person"},
        {"new_name": "uma-person", "confirm": "um"},
        {"new_name": "hugo", "confirm": "uma"},
    ):
        assert client.post("/settings/become-org", sent).status_code == 200
    assert snapshot() == before
    assert client.post("/settings/become-org", {"new_name": "uma-person", "confirm": "uma"})["Location"] == "/org/uma"


def test_the_old_persons_page_is_gone_and_the_orgs_is_there(client, shared, uma):
    conversion.become_org(uma, "uma-person")
    assert client.get("/org/uma", headers={"accept": "text/html"}).status_code == 200
    assert client.get("/~uma", headers={"accept": "text/html"}).status_code == 404


def test_a_collaborator_who_was_suspended_keeps_the_right_for_later(shared, uma, hugo):
    hugo.user.is_active = False
    hugo.user.save()
    conversion.become_org(uma, "uma-person")
    assert Action.PUBLISH in access.can(access.find(hugo, Action.VIEW, "@uma/x"))
    assert person("later")
