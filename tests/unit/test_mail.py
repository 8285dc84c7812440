"""Mail: what people are told of, in plain text and HTML, and never of what they did themselves."""

from __future__ import annotations

import dataclasses
import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail

from accounts.letters import LETTERS, NEWS, filled, news
from accounts.models import AuditEvent, User
from packages import sharing, staging
from tests.conftest import PASSWORD
from tests.tools.sessions import sign_in, turn_on_two_factor

HTML = {"accept": "text/html"}


@pytest.fixture
def sent(settings):
    settings.TASKS = {"default": {"BACKEND": "django_tasks.backends.immediate.ImmediateBackend"}}
    settings.EMAIL_URL = "memorymail://"
    return mail.outbox


def told(sent) -> list[tuple[str, str]]:
    """Who was told what, and the outbox is empty again."""
    found = [(each.to[0].partition("@")[0], each.subject.partition("] ")[2]) for each in sent]
    sent.clear()
    return found


def page_of(message) -> str:
    ((body, kind),) = message.alternatives
    assert kind == "text/html"
    return body


def test_being_given_a_package_and_losing_it(uma, hugo, publish, sent):
    publish(uma, "@uma/x")
    sharing.grant_person(uma, "@uma/x", "hugo", "read")
    assert "/package/@uma/x" in sent[0].body
    assert told(sent) == [("hugo", "uma gave you read on @uma/x")]
    sharing.grant_person(uma, "@uma/x", "hugo", "read")
    assert told(sent) == []
    sharing.revoke_person(uma, "@uma/x", "hugo")
    assert told(sent) == [("hugo", "uma took @uma/x away from you")]


def test_giving_oneself_is_no_news(dave, alice, publish, sent):
    publish(dave, "free")
    sharing.grant_person(dave, "free", "alice", "owner")
    sent.clear()
    sharing.grant_person(alice, "free", "alice", "read-write")
    assert told(sent) == []


def test_a_version_is_told_to_the_others_who_publish(uma, hugo, gina, publish, stage, sent):
    publish(uma, "@uma/x")
    sharing.grant_person(uma, "@uma/x", "hugo", "read-write")
    sharing.grant_person(uma, "@uma/x", "gina", "read")
    sent.clear()
    publish(hugo, "@uma/x", "1.1.0")
    assert told(sent) == [("uma", "@uma/x 1.1.0 was published")]
    staged = stage(hugo, "@uma/x", "1.2.0")
    assert told(sent) == []
    turn_on_two_factor(uma)
    staging.approve(dataclasses.replace(uma, second_factor=True), str(staged.key))
    assert told(sent) == [("hugo", "@uma/x 1.2.0 was published")]
    uma.user.muted = ["published"]
    uma.user.save()
    publish(hugo, "@uma/x", "1.3.0")
    assert told(sent) == []


def test_signing_up_confirms_by_a_link_in_both_forms(client, db, sent, settings):
    client.post("/signup", {"username": "nina", "email": "nina@example.com", "password1": PASSWORD}, headers=HTML)
    (message,) = sent
    assert "Confirm your e-mail address" in message.subject
    (path,) = set(re.findall(r"/confirm-email/[-:\w]+", message.body))
    assert path in page_of(message)
    assert client.post(path).status_code == 302
    assert EmailAddress.objects.get().verified


def test_d17_a_forgotten_password_is_set_once_by_the_link(client, alice, sent):
    client.post("/password/reset", {"email": "alice@example.com"}, headers=HTML)
    (message,) = sent
    (path,) = set(re.findall(r"/password/reset/key/[-\w]+", message.body))
    assert path in page_of(message)
    assert "alice" in message.body
    form = client.get(path)["Location"]
    new = "another horse battery"
    assert client.post(form, {"password1": new, "password2": new}).status_code == 302
    alice.user.refresh_from_db()
    assert alice.user.check_password(new)
    assert told(sent)[-1] == ("alice", "Your password was reset")
    assert b"another horse" not in client.get(path, follow=True).content


def test_an_unknown_address_gets_a_mail_and_the_page_says_the_same(client, db, sent):
    client.post("/password/reset", {"email": "nobody@example.com"}, headers=HTML)
    assert told(sent) == [("nobody", "You have no account with this address")]


def test_the_old_first_address_is_told(client, alice, sent):
    EmailAddress.objects.create(user=alice.user, email="new@example.com", verified=True)
    sign_in(client, alice)
    client.post("/settings/email", {"email": "new@example.com", "action_primary": "first"})
    assert told(sent) == [("alice", "Your e-mail address is now new@example.com, no longer alice@example.com")]
    assert User.objects.get(username="alice").email == "new@example.com"
    assert AuditEvent.objects.filter(action="email.first", person="alice").exists()


def test_addresses_are_added_and_removed(client, alice, sent):
    sign_in(client, alice)
    assert client.post("/settings/email", {"email": "two@example.com", "action_add": "add"}).status_code == 302
    assert ("two", "Confirm your e-mail address") in told(sent)
    client.post("/settings/email", {"email": "two@example.com", "action_send": "send"})
    client.post("/settings/email", {"email": "two@example.com", "action_primary": "first"})
    assert User.objects.get(username="alice").email == "alice@example.com", "nobody confirmed it"
    client.post("/settings/email", {"email": "two@example.com", "action_remove": "remove"})
    assert EmailAddress.objects.get(user=alice.user).email == "alice@example.com"
    client.post("/settings/email", {"email": "alice@example.com", "action_remove": "remove"})
    assert EmailAddress.objects.filter(user=alice.user).exists(), "the first one stays"
    actions = set(AuditEvent.objects.filter(person="alice").values_list("action", flat=True))
    assert {"email.added", "email.removed"} <= actions


def test_without_a_mail_server_an_unconfirmed_address_can_be_the_first(client, alice):
    EmailAddress.objects.create(user=alice.user, email="two@example.com")
    sign_in(client, alice)
    assert b"sends no mail" in client.get("/settings/email").content
    client.post("/settings/email", {"email": "two@example.com", "action_primary": "first"})
    assert User.objects.get(username="alice").email == "two@example.com"


def test_d24_changing_addresses_asks_for_a_recent_sign_in_and_touches_ones_own(client, alice, bob):
    sign_in(client, alice, seconds_ago=3600)
    before = list(EmailAddress.objects.values())
    for action in ("action_add", "action_primary", "action_remove"):
        assert client.post("/settings/email", {"email": "new@example.com", action: "x"}).status_code == 302
    sign_in(client, alice)
    for action in ("action_primary", "action_remove", "action_send"):
        client.post("/settings/email", {"email": "bob@example.com", action: "x"})
    assert list(EmailAddress.objects.values()) == before


def test_every_letter_and_every_news_can_be_filled(alice):
    given = dict.fromkeys(("activate_url", "password_reset_url", "signup_url"), "https://x") | {"user": alice.user}
    given |= {"email": "e@x", "from_email": "a@x", "to_email": "b@x", "deleted_email": "c@x", "directory": "Acme"}
    for letter in LETTERS.values():
        subject, paragraphs, _ = filled(letter, given)
        assert "{" not in subject + " ".join(paragraphs)
    for name in NEWS:
        assert "{" not in news(name, given | {"provider": type("P", (), {"name": "Acme"})})


COMPOSED, DECOMPOSED = "pa\u00dfw\u00f6rter \u00c5 \ufb01sh", "pa\u00dfwo\u0308rter A\u030a fish"


def test_d16_a_password_is_one_whichever_way_it_is_typed(client, alice):
    alice.user.set_password(COMPOSED)
    alice.user.save()
    assert client.post("/login", {"login": "alice", "password": DECOMPOSED}).status_code == 302
    assert not alice.user.check_password(COMPOSED + "x")


def test_d16_a_password_from_before_still_opens(alice):
    from django.contrib.auth.hashers import make_password

    alice.user.password = make_password(DECOMPOSED)
    assert alice.user.check_password(DECOMPOSED)


@pytest.mark.parametrize("bad", ["x" * 5000, "\0" * 12 + "abcdef"])
def test_d16_what_is_no_password_is_refused(client, alice, bad):
    sign_in(client, alice)
    was = User.objects.get(username="alice").password
    client.post("/settings/password", {"oldpassword": PASSWORD, "password1": bad, "password2": bad}, headers=HTML)
    assert User.objects.get(username="alice").password == was
    assert not alice.user.check_password("x" * 5000)
