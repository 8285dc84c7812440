"""Browser sessions: listed in words, ended one by one or all at once, and told of when they are new."""

from __future__ import annotations

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client

from accounts import devices, sessions
from accounts.models import AuditEvent, Device
from registry_site.errors import NotFound
from tests.conftest import PASSWORD
from tests.tools.sessions import BACKEND, code, sign_in

HTML = {"accept": "text/html"}
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 (KHTML, like Gecko) Version/18.0 Safari/604"
)


@pytest.fixture
def sent(settings):
    settings.TASKS = {"default": {"BACKEND": "django_tasks.backends.immediate.ImmediateBackend"}}
    settings.EMAIL_URL = "memorymail://"
    return mail.outbox


def browser(actor, agent: str = FIREFOX, address: str = "203.0.113.7") -> Client:
    """A browser that the person signed in with, through the form."""
    client = Client(headers={"user-agent": agent, "accept": "text/html"}, REMOTE_ADDR=address)
    sent = {"login": actor.name, "password": PASSWORD}
    assert client.post("/login", sent).status_code == 302
    return client


def is_in(client: Client) -> bool:
    return client.get("/settings/profile").status_code == 200


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (FIREFOX, "Firefox on Windows"),
        (SAFARI, "Safari on iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537 Chrome/140.0 Safari/537 Edg/140.0", "Edge on Linux"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit/537 Chrome/140.0 Safari/537", "Chrome on macOS"),
        ("npm/12.0.0 node/v24", "npm 12.0.0"),
        ("", "An unknown browser"),
    ],
)
def test_a_browser_is_named_in_words(agent, said):
    assert devices.words(agent) == said


def test_each_browser_is_listed_and_this_one_is_marked(alice):
    one, _ = browser(alice), browser(alice, SAFARI, "198.51.100.4")
    page = one.get("/settings/sessions").content.decode()
    assert page.count("This one") == 1
    assert page.index("Firefox on Windows") < page.index("Safari on iPhone")
    assert "198.51.100.4" in page


def test_one_is_signed_out_and_the_others_stay(alice):
    one, other = browser(alice), browser(alice, SAFARI)
    row = UserSession.objects.get(user_agent=SAFARI)
    assert one.post(f"/settings/sessions/{row.pk}/end").status_code == 302
    assert is_in(one)
    assert not is_in(other)
    assert AuditEvent.objects.filter(action="session.ended").get().facts == {"device": "Safari on iPhone"}


def test_all_others_are_signed_out_by_htmx_too(alice):
    one, *others = [browser(alice), browser(alice, SAFARI), browser(alice)]
    card = one.post("/settings/sessions/others/end", headers={"HX-Request": "true"}).content.decode()
    assert card.lstrip().startswith('<section id="session-list"')
    assert is_in(one)
    assert not any(map(is_in, others))
    events = AuditEvent.objects.count()
    one.post("/settings/sessions/others/end")
    assert AuditEvent.objects.count() == events


def test_c25_a_session_of_somebody_else_is_missing(alice, bob):
    mine, theirs = browser(alice), browser(bob)
    row = UserSession.objects.get(user=bob.user)
    for pk in (row.pk, row.pk + 99):
        assert mine.post(f"/settings/sessions/{pk}/end", headers=HTML).status_code == 404
    with pytest.raises(NotFound):
        sessions.end(alice, alice.user, row.pk)
    assert is_in(theirs)
    assert not AuditEvent.objects.filter(action="session.ended").exists()


def test_d20_a_new_password_ends_the_other_sessions(alice):
    one, other = browser(alice), browser(alice, SAFARI)
    new = "another horse battery"
    sent = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert one.post("/settings/password", sent).status_code == 302
    assert is_in(one)
    assert not is_in(other)
    assert one.get("/settings/sessions").content.decode().count("last seen") == 1


def test_a_change_of_two_factor_ends_the_other_sessions(alice):
    one, other = browser(alice), browser(alice, SAFARI)
    one.get("/settings/two-factor/app")
    secret = one.session["mfa.totp.secret"]
    assert one.post("/settings/two-factor/app", {"code": code(secret)}).status_code == 302
    assert is_in(one)
    assert not is_in(other)


def test_using_a_session_writes_once_in_some_minutes(client, alice, django_assert_num_queries):
    sign_in(client, alice)
    client.get("/settings/sessions")
    row = UserSession.objects.get(user=alice.user)
    client.get("/settings/sessions")
    UserSession.objects.filter(pk=row.pk).update(ip="192.0.2.1")
    client.get("/settings/sessions")
    assert UserSession.objects.get(pk=row.pk).ip == "192.0.2.1"


def test_the_page_asks_little_however_many_there_are(client, alice, django_assert_max_num_queries):
    for number in range(40):
        another = Client()
        another.force_login(alice.user, backend=BACKEND)
        key = another.session.session_key
        UserSession.objects.create(user=alice.user, session_key=key, ip=f"192.0.2.{number}", user_agent=FIREFOX)
    sign_in(client, alice)
    with django_assert_max_num_queries(12):
        page = client.get("/settings/sessions")
    assert page.content.count(b"Firefox on Windows") == 40 + 40  # the name and its button's label


def test_ended_sessions_are_forgotten(alice):
    browser(alice)
    Session.objects.all().delete()
    assert sessions.forget_ended() == 1


def test_a_sign_in_from_elsewhere_is_told_once(alice, sent):
    browser(alice)
    assert not sent
    browser(alice, address="203.0.113.9")  # the same network
    assert not sent
    browser(alice, SAFARI)
    (told,) = sent
    assert told.to == ["alice@example.com"]
    assert "signed in to your account with Safari on iPhone" in told.subject
    assert "from 203.0.113.7" in told.body
    browser(alice, SAFARI)
    assert len(sent) == 1
    browser(alice, SAFARI, "198.51.100.4")
    assert len(sent) == 2
    assert Device.objects.count() == 3


def test_nobody_sees_it_signed_out(client, db):
    assert client.get("/settings/sessions").status_code == 302
    assert client.post("/settings/sessions/1/end").status_code == 302
