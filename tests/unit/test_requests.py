"""Asking for access: for members of the org, whether the package exists or not; outsiders see no difference at all."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import unquote

import pytest
from django.core import mail
from django.utils import timezone

from accounts import limiting
from accounts.actor import NOBODY
from accounts.models import AuditEvent
from orgs import organizations
from packages import access, requests, sharing
from packages.access import Action
from packages.models import AccessRequest
from registry_site.errors import Conflict, Invalid, NotAllowed, NotFound, SignInRequired, TooManyRequests
from tests.conftest import login_token
from tests.tools.sessions import sign_in

LEDGER, NOTHING = "@acme/ledger", "@acme/nothng"
PAGE = {"accept": "text/html"}


@pytest.fixture
def ledger(acme, alice, publish):
    package = publish(alice, LEDGER).package
    sharing.grant_team(alice, LEDGER, "acme", "core", "write")
    sharing.revoke_team(alice, LEDGER, "acme", "developers")
    return package


@pytest.fixture
def post(settings, monkeypatch):
    """Mail is sent at once, as the worker would."""
    settings.EMAIL_URL = "memory://"
    settings.TASKS = {"default": {"BACKEND": "django_tasks.backends.immediate.ImmediateBackend"}}
    return mail.outbox


def plain(answer, name: str) -> str:
    text = unquote(answer.content.decode()).replace(name, "NAME").replace(answer["X-Request-ID"], "ID")
    return re.sub(r"[0-9A-Za-z]{64}", "CSRF", text)


def asked() -> list[tuple[str, str]]:
    return list(AccessRequest.objects.order_by("pk").values_list("membership__user__username", "name"))


def test_members_see_the_same_form_for_every_name_of_the_org(client, ledger, carol, dave):
    sign_in(client, carol)
    hidden, missing = (client.get(f"/package/{name}", headers=PAGE) for name in (LEDGER, NOTHING))
    assert hidden.status_code == missing.status_code == 404
    assert f'action="/package/{LEDGER}/ask"' in hidden.content.decode()
    assert plain(hidden, LEDGER) == plain(missing, NOTHING)
    answers = [client.post(f"/package/{name}/ask", {"message": "for work"}, headers=PAGE) for name in (LEDGER, NOTHING)]
    assert [each.status_code for each in answers] == [302, 302]
    assert asked() == [("carol", LEDGER), ("carol", NOTHING)]
    again = [client.get(f"/package/{name}", headers=PAGE) for name in (LEDGER, NOTHING)]
    assert "You asked" in again[0].content.decode()
    client.get("/", headers=PAGE)


@pytest.mark.parametrize("path", ["", "/access", "/versions", "/v/1.0.0", "/activity"])
def test_outsiders_see_no_form_and_no_difference(client, ledger, dave, path):
    for visitor in (None, dave):
        client.logout()
        if visitor:
            sign_in(client, visitor)
        shown = [client.get(f"/package/{name}{path}", headers=PAGE) for name in (LEDGER, NOTHING)]
        assert [each.status_code for each in shown] == [404, 404]
        assert plain(shown[0], LEDGER) == plain(shown[1], NOTHING)
        assert "/ask" not in shown[0].content.decode()


def test_who_may_not_ask_learns_nothing_and_leaves_nothing(ledger, dave, alice, bob, carol, uma, publish):
    publish(uma, "@uma/x")
    for actor, name in ((dave, LEDGER), (dave, NOTHING), (carol, "@uma/x"), (carol, "@uma/nothing"), (carol, "loose")):
        with pytest.raises(NotFound, match="is not in this registry, or you do not have access"):
            requests.ask(actor, name)
    with pytest.raises(NotFound):  # an owner sees everything there is
        requests.ask(alice, NOTHING)
    with pytest.raises(SignInRequired):
        requests.ask(NOBODY, LEDGER)
    with pytest.raises(NotFound):
        requests.ask(bob, "@acme/../x")
    with pytest.raises(Conflict):
        requests.ask(bob, LEDGER)
    with pytest.raises(Invalid):
        requests.ask(carol, LEDGER, "x" * 501)
    assert asked() == []
    assert not AuditEvent.objects.filter(action="access.asked").exists()


def test_a_token_never_asks(npm, client, ledger, carol):
    bearer = {"authorization": f"Bearer {login_token(carol)}"}
    answer = client.post(f"/package/{LEDGER}/ask", {"message": ""}, headers=PAGE | bearer)
    assert answer.status_code in (302, 404)
    assert asked() == []


def test_one_open_request_per_person_and_name_and_a_limit_a_day(ledger, carol, erin):
    for _ in range(3):
        requests.ask(carol, LEDGER, "please")
    requests.ask(erin, LEDGER)
    assert asked() == [("carol", LEDGER), ("erin", LEDGER)]
    a_day, _ = limiting.most("access-request")
    for n in range(a_day - 1):
        requests.ask(carol, f"@acme/n{n}")
    with pytest.raises(TooManyRequests):
        requests.ask(carol, "@acme/more")
    assert len(asked()) == a_day + 1


def test_requests_run_out_and_can_be_made_again(ledger, alice, carol):
    requests.ask(carol, LEDGER)
    AccessRequest.objects.update(created_at=timezone.now() - timedelta(days=31))
    assert not requests.waiting_for(alice).exists()
    with pytest.raises(NotFound):
        requests.decline(alice, "acme", AccessRequest.objects.get().pk)
    requests.ask(carol, LEDGER)
    assert requests.waiting_for(alice).count() == 1


def test_owners_and_admins_hear_of_it_and_grant_it(ledger, alice, frank, bob, carol, erin, post):
    with pytest.MonkeyPatch.context() as patch:
        told = []
        patch.setattr("accounts.notices.tell", lambda people, kind, *words, **more: told.append((people, kind.value)))
        requests.ask(carol, LEDGER, "for the invoices")
        people, kind = told.pop()
        assert ({user.username for user in people}, kind) == ({"alice", "frank"}, "asked")
        assert [actor.name for actor in (alice, frank, bob, erin) if requests.waiting_for(actor).exists()] == [
            "alice",
            "frank",
        ]
        waiting = requests.with_ways(frank, list(requests.waiting_for(frank)))
        assert [way.value for way in waiting[0].ways] == ["join core"]
        requests.approve(frank, "acme", waiting[0].request.pk, "join core")
        assert (carol.user, "access") in told
    assert Action.PUBLISH in access.can(access.find(carol, Action.VIEW, LEDGER))
    assert not requests.waiting_for(alice).exists()
    assert AuditEvent.objects.filter(action="access.approved", person="carol", package=LEDGER).count() == 1


def test_a_team_of_the_askers_can_be_given_the_package(ledger, alice, erin):
    requests.ask(erin, LEDGER)
    (waiting,) = requests.with_ways(alice, list(requests.waiting_for(alice)))
    assert [way.value for way in waiting.ways] == ["join core", "read readers", "write readers"]
    requests.approve(alice, "acme", waiting.request.pk, "read readers")
    assert Action.PUBLISH not in access.can(access.find(erin, Action.VIEW, LEDGER))


def test_only_owners_and_admins_decide(client, ledger, alice, bob, carol, dave, uma):
    requests.ask(carol, LEDGER)
    key = AccessRequest.objects.get().pk
    organizations.create(uma, "other")
    for actor, org in ((bob, "acme"), (carol, "acme"), (dave, "acme"), (uma, "acme"), (uma, "other")):
        for decide in (lambda a, o: requests.approve(a, o, key, "join core"), lambda a, o: requests.decline(a, o, key)):
            with pytest.raises((NotAllowed, NotFound)):
                decide(actor, org)
    with pytest.raises(Conflict):
        requests.approve(alice, "acme", key, "join readers")  # readers was not given it
    for way in ("", "join", "owner core"):
        with pytest.raises((Invalid, NotFound)):
            requests.approve(alice, "acme", key, way)
    assert AccessRequest.objects.get().closed_at is None
    assert not access.visible_to(carol).filter(name=LEDGER).exists()
    sign_in(client, bob)
    assert client.get("/org/acme/requests", headers=PAGE).status_code == 403


def test_a_name_that_is_none_can_only_be_declined(client, ledger, alice, carol):
    requests.ask(carol, NOTHING)
    (waiting,) = requests.with_ways(alice, list(requests.waiting_for(alice)))
    assert (waiting.exists, waiting.ways) == (False, [])
    sign_in(client, alice)
    assert "There is no package of this name" in client.get("/org/acme/requests", headers=PAGE).content.decode()
    key = waiting.request.pk
    refused = client.post(f"/org/acme/requests/{key}", {"way": "join core"}, headers=PAGE)
    assert (refused.status_code, "is not in this registry" in refused.content.decode()) == (200, True)
    assert client.post(f"/org/acme/requests/{key}", {"way": "decline"}, headers=PAGE).status_code == 302
    assert not requests.waiting_for(alice).exists()


def test_who_leaves_the_org_takes_the_request_along(ledger, alice, carol):
    requests.ask(carol, LEDGER)
    organizations.remove_member(alice, "acme", "carol")
    assert not AccessRequest.objects.exists()


def test_other_members_see_no_name_that_is_hidden_from_them(client, ledger, carol, erin):
    requests.ask(carol, LEDGER, "quiet words")
    sign_in(client, erin)
    for path in ("/org/acme/activity", "/", "/~carol", "/org/acme"):
        assert LEDGER not in client.get(path, headers=PAGE).content.decode()


def test_the_lists_cost_the_same_for_many(client, ledger, alice, carol, django_assert_max_num_queries):
    requests.ask(carol, LEDGER)
    member = AccessRequest.objects.get().membership
    ago = timezone.now() - timedelta(days=1)
    AccessRequest.objects.bulk_create(
        AccessRequest(membership=member, name=f"@acme/n{n}", created_at=ago) for n in range(200)
    )
    sign_in(client, alice)
    for path in ("/org/acme/requests", f"/package/{LEDGER}/access"):
        client.get(path, headers=PAGE)
        with django_assert_max_num_queries(12):
            assert client.get(path, headers=PAGE).status_code == 200
