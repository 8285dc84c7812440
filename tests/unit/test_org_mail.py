"""What people hear by mail of orgs: invited, added, removed, seated, locked out; never of what they did themselves."""

from __future__ import annotations

import pytest
from django_tasks_db.models import DBTaskResult

from orgs import invitations, organizations, teams, two_factor
from packages import scopes
from tests.tools.sessions import turn_on_two_factor

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(settings, django_capture_on_commit_callbacks):
    """Run a change, and give what the worker would send: to whom, about what, with which link."""
    settings.EMAIL_URL = "memorymail://"

    def run(change) -> list[tuple[list[str], str, str]]:
        seen = set(DBTaskResult.objects.values_list("pk", flat=True))
        with django_capture_on_commit_callbacks(execute=True):
            change()
        sent = [row.args_kwargs["kwargs"] for row in DBTaskResult.objects.exclude(pk__in=seen)]
        return [(each["to"], each["subject"], each["link"][1] if each["link"] else "") for each in sent]

    return run


def test_an_invited_user_gets_a_link_without_a_secret_and_an_address_one_with(acme, told, alice, dave):
    site = "http://localhost:8000/org/acme/invitation"
    sent = told(lambda: invitations.invite(alice, "acme", "dave", "developer"))
    assert sent == [(["dave@example.com"], "alice invites you to acme", site)]
    made = []
    sent = told(lambda: made.append(invitations.invite(alice, "acme", "new@example.com", "developer")))
    assert sent == [(["new@example.com"], "alice invites you to acme", f"{site}/{made[0][1]}")]
    sent = told(lambda: invitations.accept(dave, "acme"))
    assert sent == [(["alice@example.com"], "dave joined acme", "http://localhost:8000/org/acme/members")]


def test_others_changes_are_told_and_one_s_own_are_not(acme, told, alice, bob, carol, dave):
    org = "http://localhost:8000/org/acme"
    assert told(lambda: organizations.set_member(alice, "acme", "dave", "admin")) == [
        (["dave@example.com"], "You are admin of acme", org)
    ]
    assert told(lambda: teams.add(alice, "acme", "core", "dave")) == [
        (["dave@example.com"], "You were added to the team core of acme", f"{org}/teams/core")
    ]
    assert told(lambda: teams.remove(alice, "acme", "core", "dave")) == [
        (["dave@example.com"], "You were removed from the team core of acme", f"{org}/teams/core")
    ]
    assert told(lambda: teams.destroy(alice, "acme", "core")) == [
        (["bob@example.com"], "The team core of acme is gone", org)
    ]
    assert told(lambda: organizations.remove_member(alice, "acme", "dave")) == [
        (["dave@example.com"], "You were removed from acme", "")
    ]
    assert told(lambda: organizations.remove_member(carol, "acme", "carol")) == []
    assert told(lambda: teams.add(alice, "acme", "readers", "alice")) == []


def test_who_is_locked_out_and_whose_org_is_gone_hears_of_it(acme, told, alice, bob):
    turn_on_two_factor(alice)
    ((to, subject, link),) = told(lambda: two_factor.require(alice, "acme", True))
    assert (sorted(to), subject) == (
        [f"{name}@example.com" for name in ("bob", "carol", "erin", "frank")],
        "acme asks for two-factor",
    )
    assert link == "http://localhost:8000/settings/two-factor"
    ((to, subject, link),) = told(lambda: scopes.delete(alice, "acme"))
    assert (len(to), subject, link) == (4, "acme was deleted", "")


def test_a_refused_invitation_tells_nobody(acme, told, frank, dave):
    def refused() -> None:
        with pytest.raises(Exception, match="only owners"):
            invitations.invite(frank, "acme", "dave", "owner")

    assert told(refused) == []


def test_npm_at_the_registry_s_own_host_tells_too(acme, told, npm, alice, dave, settings):
    from tests.conftest import login_token

    settings.REGISTRY_HOST, settings.PUBLIC_URL = "npm.example.com", "https://www.example.com"
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "npm.example.com"]
    secret = login_token(alice)
    body = '{"user": "dave", "role": "developer"}'
    sent = told(
        lambda: npm.client.put(
            "/-/org/acme/user",
            body,
            content_type="application/json",
            headers={"host": "npm.example.com", "authorization": f"Bearer {secret}"},
        )
    )
    assert [each[1] for each in sent] == ["You are developer of acme"]
