"""Signing in with a provider that is not ours: django-allauth's own, running beside the tests."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from django.utils import timezone

from accounts import lapses, suspension
from accounts.actor import Actor
from accounts.models import Absence, AuditEvent, User
from orgs.models import Seat
from tests.conftest import login_token
from tests.tools import identity_provider
from tests.unit.test_sign_ins import HTML, leave, rows, who

BACK = "http://testserver/login/oidc/callback"


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with identity_provider.running(tmp_path_factory.mktemp("provider"), BACK) as running:
        yield running


@pytest.fixture
def provider(real, settings, db):
    """The provider, where nina is in no group, and a registry that signs people in with it."""
    for name, value in real.settings().items():
        setattr(settings, name, value)
    real.groups()
    return real


def go(provider, client: Client | None = None):
    client = client or Client()
    back = urlsplit(provider.sign_in(leave(client)))
    assert back.path == "/login/oidc/callback"
    return client.get(f"{back.path}?{back.query}", headers=HTML)


def nina() -> User:
    return User.objects.get(username="nina")


def reasons() -> list[str]:
    return [each.facts["reason"] for each in AuditEvent.objects.filter(action="user.suspended", person="nina")]


def test_a_real_provider_signs_people_in_and_its_groups_are_seats(client, provider, settings, acme):
    settings.OIDC_GROUP_TEAMS = {"eng": [("acme", "core")]}
    provider.groups("eng", "others")
    assert go(provider, client)["Location"] == "/"
    assert who(client) == "nina"
    assert nina().email == "nina@corp.example"
    mine = Seat.objects.filter(membership__user=nina())
    assert set(mine.values_list("team__name", flat=True)) == {"developers", "core"}
    provider.groups("others")
    go(provider)
    assert set(mine.values_list("team__name", flat=True)) == {"developers"}
    assert AuditEvent.objects.filter(action="team.left", person="nina", org="acme").count() == 1


def test_who_is_not_in_the_required_group_gets_no_account(client, provider, settings):
    settings.OIDC_REQUIRED_GROUP = "staff"
    before = rows()
    page = go(provider, client)
    assert page.status_code == 409
    assert b"its group staff" in page.content
    assert who(client) == ""
    assert rows() == before
    provider.groups("staff")
    go(provider, client)
    assert who(client) == "nina"


def test_who_leaves_the_group_is_suspended_and_let_in_when_back(client, npm, provider, settings):
    settings.OIDC_REQUIRED_GROUP = "staff"
    provider.groups("staff")
    go(provider, client)
    caller = npm.as_(login_token(Actor(nina(), credential="session")))
    assert caller.get("-/whoami").status_code == 200
    provider.groups("others")
    assert go(provider).status_code == 409
    assert caller.get("-/whoami").status_code == 401
    assert client.get("/settings/tokens").status_code == 302
    assert reasons() == ["not in the group staff of Acme Login"]
    provider.groups("staff")
    again = Client()
    go(provider, again)
    assert who(again) == "nina"
    assert caller.get("-/whoami").status_code == 200
    assert not Absence.objects.exists()


def test_who_stopped_signing_in_is_suspended_until_they_do(npm, provider, settings, bob):
    go(provider)
    caller = npm.as_(login_token(Actor(nina(), credential="session")))
    late = timezone.now() - timedelta(days=31)
    SocialAccount.objects.update(last_login=late)
    User.objects.filter(username="bob").update(last_login=late)
    assert lapses.suspend_late() == 0, "nobody asked for it"
    settings.OIDC_SIGN_IN_DAYS = 30
    assert lapses.suspend_late() == 1
    assert lapses.suspend_late() == 0
    assert User.objects.get(username="bob").is_active, "who never came from the provider stays"
    assert caller.get("-/whoami").status_code == 401
    assert reasons() == ["did not sign in with Acme Login for 30 days"]
    again = Client()
    go(provider, again)
    assert who(again) == "nina"
    assert caller.get("-/whoami").status_code == 200
    assert lapses.suspend_late() == 0


def test_who_an_operator_suspended_stays_so(client, provider):
    go(provider)
    suspension.suspend(Actor(credential="operator"), "nina", "a stolen laptop")
    go(provider, client)
    assert who(client) == ""
    assert not nina().is_active
