"""Tokens after they were made: last use, another name, another secret, reminders, confirmation, the end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from accounts import bearer, reminders, rotation, tokens
from accounts.models import AuditEvent, Token
from registry_site.errors import BadCredential, Conflict, Invalid, NotFound
from tests.tools.sessions import sign_in

HTML = {"accept": "text/html"}
DAY = timedelta(days=1)


@pytest.fixture
def sent(settings):
    settings.TASKS = {"default": {"BACKEND": "django_tasks.backends.immediate.ImmediateBackend"}}
    settings.EMAIL_URL = "memorymail://"
    return mail.outbox


def granular(actor, **more):
    given = {"name": "build server", "packages": ["@alice/x"], "cidr": ["10.0.0.0/8"], "days": 90} | more
    return tokens.issue(actor, actor.user, kind=Token.Kind.GRANULAR, **given)


def rows() -> list:
    return [list(Token.objects.order_by("pk").values()), AuditEvent.objects.count()]


def test_the_last_use_says_for_which_package(npm, alice, publish):
    publish(alice, "@alice/x")
    token, secret = granular(alice, cidr=[])
    npm.as_(secret).get("@alice%2fx", headers={"user-agent": "npm/12.0.0 node/v24"})
    token.refresh_from_db()
    assert (token.last_used_for, token.last_used_from) == ("@alice/x", "127.0.0.1")


def test_the_list_shows_it_to_its_person_only(client, npm, alice, bob, publish):
    publish(alice, "@alice/x")
    npm.as_(granular(alice, cidr=[])[1]).get("@alice%2fx")
    sign_in(client, alice)
    assert b"for @alice/x" in client.get("/settings/tokens").content
    sign_in(client, bob)
    assert b"@alice/x" not in client.get("/settings/tokens").content


def test_a_replaced_token_works_for_some_hours_more(alice, time_machine):
    start = timezone.now()
    old, was = granular(alice)
    new, secret = rotation.rotate(alice, alice.user, str(old.key), 24)
    same = ("name", "packages", "cidr", "permission", "bypass_two_factor")
    assert [getattr(new, each) for each in same] == [getattr(old, each) for each in same]
    assert timedelta(days=89) < new.expires_at - start <= timedelta(days=91)
    assert secret != was
    assert tokens.recognise(was, "10.1.1.1").pk == old.pk
    assert tokens.recognise(secret, "10.1.1.1").pk == new.pk
    time_machine.move_to(start + timedelta(hours=25))
    assert tokens.recognise(secret, "10.1.1.1").pk == new.pk
    with pytest.raises(BadCredential, match="expired"):
        tokens.recognise(was, "10.1.1.1")
    event = AuditEvent.objects.get(action="token.rotated")
    assert event.facts == {"token": new.prefix, "was": old.prefix, "hours": 24}


def test_a_rotation_never_makes_the_old_one_live_longer(alice):
    old, _ = granular(alice, days=1)
    rotation.rotate(alice, alice.user, str(old.key), 72)
    old.refresh_from_db()
    assert old.expires_at - timezone.now() < DAY


def test_what_cannot_be_replaced_stays(alice, bob):
    old, _ = granular(alice)
    login, _ = tokens.issue(alice, alice.user, kind=Token.Kind.LOGIN)
    rotation.rotate(alice, alice.user, str(old.key), 1)
    before = rows()
    for actor, token, hours, error in (
        (alice, old, 1, Conflict),
        (alice, login, 1, Conflict),
        (alice, login, 1000, Invalid),
        (bob, old, 1, NotFound),
    ):
        with pytest.raises(error):
            rotation.rotate(actor, actor.user, str(token.key), hours)
    assert rows() == before


def test_the_page_replaces_and_shows_the_secret_once(client, alice):
    old, was = granular(alice, cidr=[])
    sign_in(client, alice)
    page = client.post(f"/settings/tokens/{old.key}/rotate", {"hours": "24"}).content.decode()
    secret = next(word for word in page.replace("<", " ").replace(">", " ").split() if bearer.is_well_formed(word))
    assert tokens.recognise(secret, None).name == "build server"
    assert secret not in client.get("/settings/tokens").content.decode()


def test_changing_tokens_asks_for_a_recent_sign_in_and_ones_own(client, alice, bob):
    token, _ = granular(alice)
    before = rows()
    sign_in(client, alice, seconds_ago=3600)
    for action, data in (("rotate", {"hours": "24"}), ("rename", {"name": "x"}), ("revoke", {})):
        assert client.post(f"/settings/tokens/{token.key}/{action}", data).status_code == 302
    sign_in(client, bob)
    for action, data in (("rotate", {"hours": "24"}), ("rename", {"name": "x"}), ("revoke", {})):
        assert client.post(f"/settings/tokens/{token.key}/{action}", data, headers=HTML).status_code == 404
    assert rows() == before


def test_a_token_is_renamed(client, alice):
    token, _ = granular(alice)
    sign_in(client, alice)
    assert client.post(f"/settings/tokens/{token.key}/rename", {"name": " deploy "}).status_code == 302
    token.refresh_from_db()
    assert token.name == "deploy"
    before = rows()
    for bad in ("", "x" * 121, "a\nb"):
        page = client.post(f"/settings/tokens/{token.key}/rename", {"name": bad})
        assert page.status_code == 422
        assert b"a token&#x27;s name is one line" in page.content
    client.post(f"/settings/tokens/{token.key}/rename", {"name": "deploy"})
    assert rows() == before


@pytest.mark.parametrize("htmx", [True, False])
def test_a_token_in_use_is_revoked_after_asking_in_place(client, alice, htmx):
    token, secret = granular(alice, cidr=[])
    tokens.recognise(secret, None)
    sign_in(client, alice)
    headers = {"HX-Request": "true"} if htmx else {}
    answer = client.post(f"/settings/tokens/{token.key}/revoke", headers=headers)
    asked = answer if htmx else client.get(answer["Location"].partition("#")[0])
    assert b"cannot be undone" in asked.content
    tokens.recognise(secret, None)
    client.post(f"/settings/tokens/{token.key}/revoke", {"confirmed": "yes"}, headers=headers)
    with pytest.raises(BadCredential):
        tokens.recognise(secret, None)


def test_one_that_nobody_used_lately_goes_at_once(client, alice):
    token, secret = granular(alice)
    sign_in(client, alice)
    client.post(f"/settings/tokens/{token.key}/revoke")
    with pytest.raises(BadCredential):
        tokens.recognise(secret, "10.0.0.1")


def test_what_ran_out_is_listed_for_a_month(client, alice, time_machine):
    start = timezone.now()
    granular(alice, name="nightly", days=1)
    for days, listed in ((0.5, False), (2, True), (30, True), (32, False)):
        time_machine.move_to(start + days * DAY)
        assert [token.name for token in tokens.ended(alice.user)] == ["nightly"] * listed
    time_machine.move_to(start + 2 * DAY)
    sign_in(client, alice)
    assert b"Ended in the last 30 days (1)" in client.get("/settings/tokens").content


def test_the_summary_has_a_line_for_every_field(client, alice):
    sign_in(client, alice)
    form = {
        "name": "x", "access": "read-write", "limits": "@acme/ledger @tools", "cidr": "10.0.0.0/8", "days": "90",
        "bypass": "on", "orgs": "acme", "org_access": "read-only",
    }  # fmt: skip
    said = client.get("/settings/tokens/summary", form).content.decode()
    for words in (
        "installs and publishes @acme/ledger and everything in @tools",
        "sees the members and teams of acme",
        "works from 10.0.0.0/8 only",
        "after 90 days",
        "is never asked for two-factor",
        "never changes owners",
    ):
        assert words in said
    before = rows()
    page = client.post("/settings/tokens", form | {"do": "preview"}).content.decode()
    assert "works from 10.0.0.0/8 only" in page
    assert "Your new token" not in page
    assert rows() == before


def test_its_person_is_told_14_7_and_1_days_ahead_each_once(alice, sent, time_machine):
    start = timezone.now()
    granular(alice, name="deploy", days=30)
    sent.clear()
    told = []
    for day in range(30):
        time_machine.move_to(start + day * DAY + timedelta(minutes=1))
        for _ in range(2):
            if reminders.send():
                told.append(30 - day)
    assert told == [14, 7, 1]
    assert {each.to[0] for each in sent} == {"alice@example.com"}
    assert "The token deploy ends on" in sent[0].subject
    assert "/settings/tokens" in sent[0].body


def test_what_is_short_replaced_revoked_or_muted_is_not_told(alice, bob, sent, time_machine):
    start = timezone.now()
    granular(alice, name="short", days=7)
    replaced, _ = granular(alice, name="replaced", days=14)
    rotation.rotate(alice, alice.user, str(replaced.key), 1)
    gone, _ = granular(alice, name="gone", days=10)
    tokens.revoke(alice, alice.user, str(gone.key))
    sent.clear()
    time_machine.move_to(start + 2 * DAY)
    reminders.send()
    assert not [each for each in sent if "short" in each.subject or "gone" in each.subject]
    bob.user.muted = ["tokens"]
    bob.user.save()
    granular(bob, name="quiet", days=10)
    sent.clear()
    time_machine.move_to(start + 6 * DAY)
    reminders.send()
    assert not [each for each in sent if "quiet" in each.subject]


def test_a_new_token_is_told(alice, sent):
    token, secret = granular(alice)
    (told,) = sent
    assert told.to == ["alice@example.com"]
    assert "build server" in told.subject
    assert token.prefix in told.body
    assert secret not in told.body + told.alternatives[0][0]


def test_the_page_asks_little_however_many_there_are(client, alice, django_assert_max_num_queries):
    for number in range(60):
        granular(alice, name=f"token {number}", days=1 + number)
    sign_in(client, alice)
    with django_assert_max_num_queries(12):
        client.get("/settings/tokens")
