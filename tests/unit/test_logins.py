"""`npm login`, by approval in the browser and by password."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from accounts import bearer, logins
from accounts.models import AuditEvent, Token, User, WebLogin
from registry_site.errors import NotFound, SignInRequired
from tests.conftest import PASSWORD
from tests.tools.registry_client import without_reference
from tests.tools.sessions import sign_in

HTML = {"accept": "text/html"}


@pytest.fixture
def started(npm, db):
    """A login that npm began: (the page to approve it, the address to poll)."""
    answer = npm.post("-/v1/login", {"hostname": "laptop"}, user_agent="npm/12.0.0 node/v24").json()
    return urlsplit(answer["loginUrl"]).path, urlsplit(answer["doneUrl"]).path


def password_login(npm, name: str, password: str, body: dict | None = None):
    sent = {"name": name, "password": password, "type": "user"} | (body or {})
    return npm.put(f"-/user/org.couchdb.user:{name}", sent)


def test_npm_is_sent_to_a_page_of_the_website_and_polls_below_the_registry(npm, db):
    answer = npm.post("-/v1/login", {}).json()
    assert answer["loginUrl"].startswith("http://testserver/login/npm/")
    assert answer["doneUrl"].startswith("http://testserver/npm/-/v1/done/")
    assert urlsplit(answer["loginUrl"]).path.split("/")[-1] not in answer["doneUrl"], "who sees the page cannot poll"


def test_until_it_is_approved_the_poll_says_wait(client, started):
    waiting = client.get(started[1])
    assert (waiting.status_code, waiting.json(), waiting["Retry-After"]) == (202, {}, "2")
    assert not Token.objects.exists()


def test_an_approved_login_gives_its_token_once(npm, client, started, bob):
    page, poll = started
    sign_in(client, bob)
    asked = client.get(page, headers=HTML).content.decode()
    assert "npm/12.0.0" in asked
    assert not Token.objects.exists()
    assert client.post(page, {"decision": "approve"}, headers=HTML).status_code == 200
    assert not Token.objects.exists(), "the token is made when the terminal fetches it"
    secret = client.get(poll).json()["token"]
    assert npm.as_(secret).get("-/whoami").json() == {"username": "bob"}
    assert client.get(poll).status_code == 404
    assert Token.objects.count() == 1
    token = Token.objects.get()
    assert (token.kind, token.read_only, token.is_limited, token.name) == ("login", False, False, "npm 12.0.0 login")


def test_a_denied_login_gives_nothing(client, started, bob):
    page, poll = started
    sign_in(client, bob)
    assert client.post(page, {"decision": "deny"}, headers=HTML).status_code == 200
    assert client.get(poll).status_code == 404
    assert client.post(page, {"decision": "approve"}, headers=HTML).status_code == 404
    assert not Token.objects.exists()


@pytest.mark.parametrize("decision", ["", "yes", "deny"])
def test_only_the_word_approve_approves(client, started, bob, decision):
    sign_in(client, bob)
    client.post(started[0], {"decision": decision}, headers=HTML)
    assert client.get(started[1]).status_code == 404
    assert not Token.objects.exists()


def test_looking_at_the_page_approves_nothing(client, started, bob):
    sign_in(client, bob)
    client.get(started[0] + "?decision=approve", headers=HTML)
    assert client.get(started[1]).status_code == 202


def test_a_visitor_is_sent_to_sign_in_first(client, started):
    asked = client.post(started[0], {"decision": "approve"})
    assert asked.status_code == 302
    assert asked["Location"].startswith("/login?next=")
    assert client.get(started[1]).status_code == 202


def test_an_approval_from_another_site_is_refused(started, bob):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    sign_in(strict, bob)
    assert strict.post(started[0], {"decision": "approve"}, headers=HTML).status_code == 403
    assert WebLogin.objects.get().approved_by is None


def test_the_first_decision_stands(client, started, bob, dave):
    sign_in(client, bob)
    client.post(started[0], {"decision": "approve"}, headers=HTML)
    sign_in(client, dave)
    assert client.post(started[0], {"decision": "approve"}, headers=HTML).status_code == 404
    assert client.post(started[0], {"decision": "deny"}, headers=HTML).status_code == 404
    client.get(started[1])
    assert Token.objects.get().user == bob.user


@pytest.mark.parametrize("approved", [False, True])
def test_a_login_ends_after_ten_minutes(client, started, bob, time_machine, approved):
    page, poll = started
    sign_in(client, bob)
    if approved:
        client.post(page, {"decision": "approve"}, headers=HTML)
    time_machine.move_to(timezone.now() + timedelta(minutes=11))
    assert client.get(poll).status_code == 404
    assert client.get(page, headers=HTML).status_code == 404
    assert not Token.objects.exists()


@pytest.mark.parametrize("secret", ["x", "a" * 43, "../whoami"])
def test_a_guessed_poll_is_404(npm, started, secret):
    assert npm.get(f"-/v1/done/{secret}").status_code == 404


def test_verbs_ask_for_a_person(started):
    from accounts.actor import NOBODY

    login = WebLogin.objects.get()
    for verb in (logins.approve, logins.deny):
        with pytest.raises(SignInRequired):
            verb(NOBODY, login.public_id)
    with pytest.raises(NotFound):
        logins.fetch("never started")
    login.refresh_from_db()
    assert (login.approved_by, login.closed_at) == (None, None)


def test_what_a_suspended_person_approved_gives_no_token(npm, started, bob):
    WebLogin.objects.update(approved_by=bob.user)
    User.objects.filter(pk=bob.user.pk).update(is_active=False)
    secret = started[1].rpartition("/")[2]
    assert npm.get(f"-/v1/done/{secret}").status_code == 401
    assert not Token.objects.exists()


def test_requests_that_ended_long_ago_are_forgotten(npm, started, time_machine):
    logins.forget_ended()
    assert WebLogin.objects.exists()
    time_machine.move_to(timezone.now() + timedelta(days=8))
    logins.forget_ended()
    assert not WebLogin.objects.exists()


def test_neither_secret_of_a_web_login_is_kept(started):
    secret = started[1].rpartition("/")[2]
    assert secret not in str(WebLogin.objects.values().get())
    assert not AuditEvent.objects.exists()


def test_the_right_password_gives_a_login_token(npm, bob):
    answer = password_login(npm, "bob", PASSWORD)
    assert answer.status_code == 201
    assert (answer.json()["ok"], answer.json()["id"]) == (True, "org.couchdb.user:bob")
    assert npm.as_(answer.json()["token"]).get("-/whoami").json() == {"username": "bob"}
    events = AuditEvent.objects.filter(action="token.created")
    assert [event.credential for event in events] == ["password"]
    assert PASSWORD not in str(list(AuditEvent.objects.values()))


def test_a_login_never_makes_an_account(npm, bob):
    people = User.objects.count()
    answer = password_login(npm, "newcomer", PASSWORD, {"email": "new@example.com"})
    assert answer.status_code == 401
    assert User.objects.count() == people
    assert not Token.objects.exists()


def test_clients_that_were_told_409_elsewhere_log_in_at_the_revisions_address(npm, bob):
    body = {"name": "bob", "password": PASSWORD}
    answer = npm.put("-/user/org.couchdb.user:bob/-rev/1-0", body, authorization="Basic Ym9iOng=")
    assert answer.status_code == 201
    assert npm.as_(answer.json()["token"]).get("-/whoami").json() == {"username": "bob"}
    assert npm.put("-/user/org.couchdb.user:bob/-rev/1-0", body | {"password": "wrong"}).status_code == 401


def test_wrong_password_unknown_and_suspended_are_one_answer(npm, bob, dave):
    dave.user.is_active = False
    dave.user.save()
    answers = [
        password_login(npm, "bob", "wrong"),
        password_login(npm, "nobody-here", PASSWORD),
        password_login(npm, "dave", PASSWORD),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({without_reference(answer) for answer in answers}) == 1
    assert not Token.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {"name": "dave"},
        {"name": "BOB"},
        {"name": ""},
        {"name": 5},
        {"name": None},
        {"password": ""},
        {"password": None},
        {"password": ["x"]},
        {"password": "x\0y"},
        {"password": "x" * 5000},
    ],
)
def test_a_body_that_is_about_another_name_or_has_no_password_is_refused(npm, bob, dave, body):
    answer = password_login(npm, "bob", PASSWORD, body)
    assert answer.status_code in (400, 422)
    assert not Token.objects.exists()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b"nul"])
def test_a_login_body_that_is_no_object_is_400(npm, bob, body):
    assert npm.put("-/user/org.couchdb.user:bob", body).status_code == 400


def test_failed_logins_are_limited_by_name_and_the_right_password_waits_too(npm, bob):
    answers = [password_login(npm, "bob", f"wrong {number}").status_code for number in range(15)]
    assert answers[0] == 401
    assert answers[-1] == 429
    refused = password_login(npm, "bob", PASSWORD)
    assert refused.status_code == 429
    assert "wait" in refused.json()["error"]
    assert not Token.objects.exists()


def test_a_stale_credential_does_not_keep_anybody_from_logging_in(npm, bob):
    stale = npm.as_(bearer.make())
    assert stale.post("-/v1/login", {}).status_code == 200
    assert password_login(stale, "bob", PASSWORD).status_code == 201


def test_npm_owner_add_learns_that_a_person_exists_and_no_address(npm, bob, dave):
    from tests.conftest import login_token

    caller = npm.as_(login_token(bob))
    assert caller.get("-/user/org.couchdb.user:dave").json()["email"] == "dave@noreply.invalid"
    assert caller.get("-/user/org.couchdb.user:nobody-here").status_code == 404
    assert npm.get("-/user/org.couchdb.user:dave").status_code == 401


def test_a_logout_with_a_token_that_is_none_is_fine(npm, bob):
    from tests.conftest import login_token

    secret = login_token(bob)
    assert npm.as_(secret).delete("-/user/token/never-was").json() == {"ok": True}
    assert npm.as_(secret).get("-/whoami").status_code == 200
    assert npm.delete(f"-/user/token/{secret}").json() == {"ok": True}
    assert npm.as_(secret).get("-/whoami").status_code == 200, "nobody's logout ends nothing"
