"""`npm profile`: what a person says about themselves, their address, their password, two-factor."""

from __future__ import annotations

import itertools
import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail

from accounts import tokens
from accounts.models import AuditEvent, Token, User
from tests.conftest import PASSWORD, login_token
from tests.tools.sessions import authenticators, code, turn_on_two_factor

ME = "-/npm/v1/user"
NEW = "another horse battery"


@pytest.fixture
def sent(settings):
    """The mails that went out: the queue delivers at once."""
    settings.TASKS = {"default": {"BACKEND": "django_tasks.backends.immediate.ImmediateBackend"}}
    settings.EMAIL_URL = "memorymail://"
    return mail.outbox


@pytest.fixture
def bobs(npm, bob):
    return npm.as_(login_token(bob))


def kept() -> tuple:
    """Everything that a refusal must leave alone."""
    return (
        list(User.objects.order_by("pk").values()),
        list(EmailAddress.objects.order_by("pk").values()),
        AuditEvent.objects.count(),
    )


def test_a_profile_has_what_npm_prints(bobs, bob):
    shown = bobs.get(ME).json()
    assert shown | {"created": "", "updated": ""} == {
        "tfa": None, "name": "bob", "email": "bob@example.com", "email_verified": True, "created": "", "updated": "",
        "cidr_whitelist": None, "fullname": "", "homepage": "", "github": "", "twitter": "", "freenode": "",
    }  # fmt: skip
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", shown["created"])


def test_nobody_has_no_profile(npm, db):
    assert npm.get(ME).status_code == 401
    assert npm.post(ME, {"fullname": "x"}).status_code == 401


def test_fields_are_set_and_the_others_stay(bobs, bob):
    bobs.post(ME, {"fullname": "Bob", "homepage": "https://bob.example/", "twitter": "@bob"})
    answer = bobs.post(ME, {"email": "bob@example.com", "github": "bob", "password": None, "fullname": "Bob"})
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["fullname"], shown["github"], shown["twitter"]) == ("Bob", "bob", "@bob")
    events = AuditEvent.objects.filter(action="profile.changed")
    assert [event.facts["fields"] for event in events] == [["github"], ["fullname", "homepage", "twitter"]]
    bobs.post(ME, {"fullname": None, "homepage": ""})
    assert User.objects.get(username="bob").full_name == ""


def test_what_stands_there_already_is_no_change(bobs, bob):
    bobs.post(ME, {"fullname": "Bob"})
    before = kept()
    assert bobs.post(ME, {"fullname": "Bob", "email": "bob@example.com"}).status_code == 200
    assert kept() == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"homepage": "javascript:alert(1)"}, 422),
        ({"homepage": "bob.example"}, 422),
        ({"homepage": "https://" + "x" * 300}, 422),
        ({"fullname": "two\nlines"}, 422),
        ({"fullname": "\x1b[31mred"}, 422),
        ({"fullname": "x" * 121}, 422),
        ({"fullname": "right‮left"}, 422),
        ({"fullname": 5}, 400),
        ({"github": ["x"]}, 400),
        ({"email": "new@example.com"}, 403),
        ({"email": "new@example.com", "fullname": "Bob"}, 403),
        ({"email": 5}, 400),
        ({"tfa": "off"}, 400),
        ({"tfa": {}}, 400),
        ({"tfa": [5]}, 400),
        ({"tfa": ["1", "2"]}, 400),
        ({"password": {"old": PASSWORD, "new": "short"}}, 422),
        ({"password": {"old": PASSWORD, "new": "bob@example.com"}}, 422),
        ({"password": {"old": PASSWORD, "new": "password1234"}}, 422),
        ({"password": {"old": PASSWORD}}, 400),
        ({"password": {"new": NEW}}, 400),
        ({"password": NEW}, 400),
        ({"password": {"old": PASSWORD, "new": "x" * 5000}}, 400),
        ({"fullname": "x\nx", "password": {"old": PASSWORD, "new": NEW}}, 422),
    ],
)
def test_what_is_refused_changes_nothing(bobs, bob, body, status):
    before = kept()
    answer = bobs.post(ME, body)
    assert answer.status_code == status, answer.content
    assert kept() == before


def test_a_token_for_ci_reads_the_profile_and_changes_nothing(npm, bob):
    robot = npm.as_(tokens.issue(bob, bob.user, kind=Token.Kind.GRANULAR, bypass_two_factor=True)[1])
    before = kept()
    assert robot.get(ME).json()["name"] == "bob"
    for body in ({"fullname": "x"}, {"tfa": {"password": PASSWORD, "mode": "auth-only"}}, {"email": "x@example.com"}):
        assert robot.post(ME, body).status_code == 403
    assert kept() == before


# --- password ----------------------------------------------------------------------------------------------------


def test_a_password_is_changed_and_sessions_end(bobs, bob, client, sent):
    from tests.tools.sessions import sign_in

    sign_in(client, bob)
    answer = bobs.post(ME, {"password": {"old": PASSWORD, "new": NEW}})
    assert answer.status_code == 200
    assert User.objects.get(username="bob").check_password(NEW)
    assert client.get("/settings/profile").status_code == 302, "a stolen session is dead at its next request"
    assert AuditEvent.objects.first().action == "profile.password"
    assert [each.subject for each in sent] == ["[Registry] Your password was changed"]
    assert NEW not in str(list(AuditEvent.objects.values())) + sent[0].body


def test_a_wrong_password_is_401_without_a_scheme_and_limited(bobs, bob):
    before = kept()
    answer = bobs.post(ME, {"password": {"old": "wrong", "new": NEW}})
    assert (answer.status_code, "WWW-Authenticate" in answer.headers) == (401, False)
    assert answer.json()["error"].startswith("that is not your password")
    seen = [bobs.post(ME, {"password": {"old": "wrong", "new": NEW}}).status_code for _ in range(10)]
    assert seen[-1] == 429
    assert bobs.post(ME, {"password": {"old": PASSWORD, "new": NEW}}).status_code == 429, "the right one waits, too"
    assert kept() == before


def test_somebody_without_a_password_is_sent_to_the_website(bobs, bob):
    bob.user.set_unusable_password()
    bob.user.save()
    answer = bobs.post(ME, {"password": {"old": PASSWORD, "new": NEW}})
    assert (answer.status_code, "on the website" in answer.json()["error"]) == (403, True)


# --- address -----------------------------------------------------------------------------------------------------


@pytest.fixture
def change(bobs, bob):
    """`change("new@example.com")` sends another address, with a one-time password: without two-factor none is taken."""
    turn_on_two_factor(bob)
    steps = itertools.count(-1)
    return lambda email: bobs.post(ME, {"email": email}, npm_otp=code(steps=next(steps)))


def test_a_token_alone_changes_no_address_and_is_sent_to_the_website(bobs, bob, sent):
    before = kept()
    answer = bobs.post(ME, {"email": "new@example.com"})
    assert answer.status_code == 403
    assert "http://testserver/settings/email" in answer.json()["error"]
    turn_on_two_factor(bob)
    before = kept()
    assert bobs.post(ME, {"email": "new@example.com"}).status_code == 401
    assert bobs.post(ME, {"email": "no address"}, npm_otp=code()).status_code == 422
    assert kept() == before
    assert not sent


def test_without_a_mail_server_an_address_counts_at_once_unverified(change, bob, settings, sent):
    assert settings.ACCOUNT_EMAIL_VERIFICATION == "optional"
    shown = change("new@example.com").json()
    assert (shown["email"], shown["email_verified"]) == ("new@example.com", False)
    assert list(EmailAddress.objects.filter(user=bob.user).values_list("email", "primary")) == [
        ("new@example.com", True)
    ]
    assert User.objects.get(username="bob").email == "new@example.com"
    assert [each.to for each in sent] == [["bob@example.com"]], "the old address is told"


def test_with_a_mail_server_an_address_counts_when_it_is_confirmed(change, bobs, bob, client, settings, sent):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    shown = change("new@example.com").json()
    assert (shown["email"], shown["email_verified"]) == ("new@example.com", False)
    assert bobs.get(ME).json()["email"] == "bob@example.com", "until then the old one stays"
    told = {each.to[0]: each.subject + each.body for each in sent}
    assert set(told) == {"new@example.com", "bob@example.com"}
    assert "new@example.com" in told["bob@example.com"]
    link = re.search(r"http://testserver(/confirm-email/\S+)", next(m.body for m in sent if m.to[0][0] == "n"))[1]
    client.post(link)
    assert (bobs.get(ME).json()["email"], bobs.get(ME).json()["email_verified"]) == ("new@example.com", True)
    assert EmailAddress.objects.filter(user=bob.user).count() == 1


def test_an_address_of_somebody_else_is_not_taken(change, bobs, bob, dave, settings, sent):
    before = kept()
    assert change("dave@example.com").status_code == 409
    assert kept() == before
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    assert change("dave@example.com").status_code == 200, "who may read the mail may have it"
    assert bobs.get(ME).json()["email"] == "bob@example.com"


# --- two-factor --------------------------------------------------------------------------------------------------


def begin(npm, mode: str = "auth-and-writes", **headers: str):
    return npm.post(ME, {"tfa": {"password": PASSWORD, "mode": mode}}, **headers)


def test_enable_in_two_steps(bobs, bob, sent):
    url = begin(bobs, "auth-only").json()["tfa"]
    assert re.match(r"otpauth://totp/bob\?secret=[A-Z2-7]{32}&issuer=Registry", url)
    assert bobs.get(ME).json()["tfa"] == {"pending": True, "mode": "auth-only"}
    assert not authenticators(bob)
    secret = url.partition("secret=")[2].partition("&")[0]
    assert bobs.post(ME, {"tfa": ["000000"]}).status_code == 422
    answer = bobs.post(ME, {"tfa": [f" {code(secret)[:3]} {code(secret)[3:]}"]}).json()
    assert len(set(answer["tfa"])) == 10
    assert bobs.get(ME).json()["tfa"] == {"pending": False, "mode": "auth-only"}
    event = AuditEvent.objects.first()
    assert (event.action, event.facts) == ("two_factor.enabled", {"mode": "auth-only"})
    assert [each.subject for each in sent] == ["[Registry] An authenticator app was added to your account"]
    assert bobs.post(ME, {"tfa": [code(secret)]}).status_code == 401, "it is on: a code is asked for"


@pytest.mark.parametrize(
    ("agent", "shown"),
    [
        ("npm/12.2.0 node/v24.0.0 linux x64", {"pending": False, "mode": "auth-only"}),
        ("npm/11.21.2 node/v24.0.0", {"pending": False, "mode": "auth-only"}),
        ("pnpm/12.21.0 npm/? node/?", {"pending": False, "mode": "auth-only"}),
        ("npm/10.9.9 node/v20.0.0 linux x64", None),
        ("npm/6.14.18 node/v14.0.0", None),
    ],
)
def test_the_mode_is_changed_in_the_words_of_each_npm(bobs, bob, agent, shown):
    turn_on_two_factor(bob)
    assert begin(bobs, "auth-only", user_agent=agent).status_code == 401
    answer = begin(bobs, "auth-only", user_agent=agent, npm_otp=code())
    assert answer.json()["tfa"] == shown
    assert User.objects.get(username="bob").two_factor_mode == "auth-only"
    assert AuditEvent.objects.first().action == "two_factor.mode"


def test_disable_needs_the_password_and_a_code(bobs, bob, sent):
    turn_on_two_factor(bob)
    before = kept()
    assert begin(bobs, "disable").status_code == 401
    wrong = bobs.post(ME, {"tfa": {"password": "wrong", "mode": "disable"}}, npm_otp=code())
    assert (wrong.status_code, "WWW-Authenticate" in wrong.headers) == (401, False)
    assert authenticators(bob) == {"totp", "recovery_codes"}
    assert kept() == before
    assert begin(bobs, "disable", npm_otp=code(steps=1)).json()["tfa"] is None
    assert not authenticators(bob)
    assert AuditEvent.objects.first().action == "two_factor.disabled"
    assert "turned off" in sent[0].subject


def test_what_was_begun_is_forgotten_by_disable(bobs, bob):
    begin(bobs)
    assert begin(bobs, "disable").json()["tfa"] is None
    assert bobs.get(ME).json()["tfa"] is None
    assert not AuditEvent.objects.filter(action__startswith="two_factor").exists()


@pytest.mark.parametrize("mode", ["", "always", "AUTH-ONLY"])
def test_another_mode_is_refused(bobs, bob, mode):
    before = kept()
    assert begin(bobs, mode).status_code == 422
    assert kept() == before


def test_d25_two_factor_waits_for_a_confirmed_address(bobs, bob, settings):
    from allauth.mfa import app_settings

    EmailAddress.objects.filter(user=bob.user).update(verified=False)
    settings.MFA_ALLOW_UNVERIFIED_EMAIL = False
    assert app_settings.ALLOW_UNVERIFIED_EMAIL is False
    answer = begin(bobs)
    assert (answer.status_code, "confirm your e-mail address" in answer.json()["error"]) == (422, True)
    assert bobs.get(ME).json()["tfa"] is None
