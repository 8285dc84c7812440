"""Logins, tokens and two-factor under attack; the test's name says which case it is."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import connection, connections
from django.test import Client
from django.utils import timezone

from accounts import bearer, people, tokens
from accounts.models import AuditEvent, Invitation, OneTimePass, Token, User, WebLogin
from accounts.twofactor import codes
from packages.models import Package, Version
from tests.conftest import PASSWORD, login_token
from tests.policy.world import snapshot
from tests.tools import payloads
from tests.tools.registry_client import RegistryClient, without_reference
from tests.tools.sessions import authenticators, code, sign_in, turn_on_two_factor

pytestmark = pytest.mark.django_db
HTML = {"accept": "text/html"}
LEAKS = "-/leaked-tokens"


@pytest.fixture
def sent(settings):
    """The mails that went out: the queue delivers at once."""
    settings.TASKS = {"default": {"BACKEND": "django_tasks.backends.immediate.ImmediateBackend"}}
    settings.EMAIL_URL = "memorymail://"
    return mail.outbox


def granular(npm, actor, **limits):
    return npm.as_(tokens.issue(actor, actor.user, kind=Token.Kind.GRANULAR, **limits)[1])


def put(npm, name: str = "@uma/x", number: str = "1.0.1", **headers: str):
    return npm.put(name.replace("/", "%2f"), payloads.publish_body(name, number), **headers)


def login(npm, name: str, password: str, **headers: str):
    return npm.put(f"-/user/org.couchdb.user:{name}", {"name": name, "password": password}, **headers)


# --- D1 to D5: what counts as a token, and what it is for --------------------------------------------------------


def test_d1_two_authorization_headers_are_none(client, uma):
    # Two headers of a name reach the application joined by a comma.
    secret = login_token(uma)
    answer = client.get("/npm/-/whoami", headers={"authorization": f"Bearer {secret},Bearer {secret}"})
    assert answer.status_code == 401


def test_d2_every_wrong_token_gets_the_same_answer_and_no_scheme(npm, uma):
    good = login_token(uma)
    wrong = [good[:-1] + ("0" if good[-1] != "0" else "1"), "npx_" + good[4:], good[:20], bearer.make()]
    answers = [npm.as_(each).get("-/whoami") for each in wrong]
    assert {(answer.status_code, without_reference(answer)) for answer in answers} == {
        (401, without_reference(answers[0]))
    }
    assert not any("WWW-Authenticate" in answer.headers for answer in answers)


def test_d4_a_token_for_ci_governs_nothing(npm, uma, publish, hugo):
    publish(uma, "@uma/x")
    robots = (granular(npm, uma), granular(npm, uma, bypass_two_factor=True))
    before = snapshot()
    for robot in robots:
        for answer in (
            robot.post("-/package/@uma%2fx/access", {"access": "public"}),
            robot.post("-/package/@uma%2fx/access", {"publish_requires_tfa": True}),
            robot.put("@uma%2fx/-rev/1-x", {"maintainers": [{"name": "uma"}, {"name": "hugo"}]}),
            robot.post("-/npm/v1/user", {"email": "new@example.com"}),
            robot.post("-/npm/v1/user", {"tfa": {"password": PASSWORD, "mode": "auth-only"}}),
            robot.get("-/npm/v1/tokens"),
            robot.post("-/npm/v1/tokens", {"password": PASSWORD}),
            robot.delete(f"-/npm/v1/tokens/token/{robot.token}"),
        ):
            assert answer.status_code == 403, answer.content
    assert snapshot() == before
    assert EmailAddress.objects.get(user=uma.user).email == "uma@example.com"


def test_d4_a_read_token_publishes_nothing(npm, uma, publish, blob_files):
    publish(uma, "@uma/x")
    kept = blob_files()
    assert put(granular(npm, uma, permission="read-only")).status_code == 403
    assert blob_files() == kept


@pytest.mark.parametrize("name", ["@uma/xy", "@uma/x-y", "@uma/new", "@umax/x", "x"])
def test_d5_a_tokens_package_is_that_name_and_no_prefix(npm, uma, publish, name):
    publish(uma, "@uma/x")
    robot = granular(npm, uma, packages=["@uma/x"])
    assert put(robot).status_code == 201
    assert put(robot, name, "1.0.0").status_code == 403
    assert Version.objects.count() == 2


def test_d6_what_ends_a_token_ends_it_at_the_next_request(npm, uma, publish):
    publish(uma, "@uma/x")
    robot = granular(npm, uma)
    assert put(robot).status_code == 201
    User.objects.filter(pk=uma.user.pk).update(is_active=False)
    assert put(robot, number="1.0.2").status_code == 401
    User.objects.filter(pk=uma.user.pk).update(is_active=True)
    assert put(robot, number="1.0.2").status_code == 201
    Token.objects.update(revoked_at=timezone.now())
    assert put(robot, number="1.0.3").status_code == 401
    Token.objects.update(revoked_at=None, expires_at=timezone.now())
    assert put(robot, number="1.0.3").status_code == 401
    assert Version.objects.count() == 3


def test_d6_a_package_that_asks_for_two_factor_asks_again_when_it_was_turned_off(npm, uma, publish, rf):
    publish(uma, "@uma/x")
    turn_on_two_factor(uma)
    Package.objects.update(two_factor="publish")
    caller = npm.as_(login_token(uma))
    assert put(caller, npm_otp=code()).status_code == 201
    uma.user.authenticator_set.all().delete()
    refused = put(caller, number="1.0.2", npm_otp=code(steps=1))
    assert (refused.status_code, refused.json()["code"]) == (403, "two_factor_required")


@pytest.mark.parametrize(
    ("proxies", "forwarded", "status"),
    [
        (0, "192.0.2.7", 401),  # anybody may send the header
        (1, "192.0.2.7", 200),
        (1, "192.0.2.7, 198.51.100.1", 401),  # the last one is what our proxy saw
        (1, "::ffff:192.0.2.7", 200),
        (2, "192.0.2.7, 198.51.100.1", 200),
        (2, "192.0.2.7", 401),  # fewer hops than we have proxies
        (1, "nonsense", 401),
    ],
)
def test_d8_a_bound_token_and_spoofed_addresses(npm, uma, settings, proxies, forwarded, status):
    settings.TRUSTED_PROXY_COUNT = proxies
    robot = granular(npm, uma, cidr=["192.0.2.0/24"])
    answer = robot.get("-/whoami", x_forwarded_for=forwarded)
    assert answer.status_code == status
    if status == 401:
        assert answer["WWW-Authenticate"] == "ipaddress"


# --- D9, D10: tokens where they should not be --------------------------------------------------------------------


def test_d9_a_token_in_a_package_is_refused(npm, uma, blob_files):
    secret = login_token(uma)
    body = payloads.publish_body("@uma/x", "1.0.0", files={"config.js": f"token = '{secret}'"})
    answer = npm.as_(secret).put("@uma%2fx", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "secret_in_package")
    assert secret not in answer.content.decode()
    assert not blob_files()
    assert not Package.objects.exists()


def test_d9_a_token_is_in_no_answer_log_or_event(npm, uma, caplog):
    caplog.set_level("DEBUG")
    secret = login_token(uma)
    caller = npm.as_(secret)
    shown = [
        caller.get(f"@uma%2f{secret}").content,
        caller.put("@uma%2fx", b"{").content,
        caller.delete(f"-/npm/v1/tokens/token/{secret[:-1]}x").content,
        caller.get("-/npm/v1/tokens").content,
        caller.get("-/npm/v1/user").content,
        npm.as_(secret[:-1]).get("-/whoami").content,
    ][1:]
    assert not any(secret.encode() in each for each in shown)
    assert secret not in caplog.text
    assert secret not in str(list(AuditEvent.objects.values()))
    assert secret not in str(list(Token.objects.values()))


def report(npm, found: list, secret: str = "shared", **headers: str):  # noqa: S107
    body = json.dumps(found).encode()
    signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return npm.post(LEAKS, body, **({"x_hub_signature_256": signature} | headers))


def test_d10_a_leak_report_revokes_what_was_found_once(npm, uma, settings, sent):
    settings.REPORT_SECRET = "shared"
    leaked, kept = login_token(uma), login_token(uma)
    sent.clear()
    found = [leaked, bearer.make(), "npm_nonsense", "", leaked]
    assert report(npm, found).json() == {"revoked": 1}
    assert npm.as_(leaked).get("-/whoami").status_code == 401
    assert npm.as_(kept).get("-/whoami").status_code == 200
    assert report(npm, found).json() == {"revoked": 0}, "a repeated report changes nothing"
    events = AuditEvent.objects.filter(action="token.leaked")
    assert [(event.person, event.credential) for event in events] == [("uma", "leak-report")]
    assert [each.to for each in sent] == [["uma@example.com"]]
    assert leaked not in sent[0].subject + sent[0].body


@pytest.mark.parametrize("headers", [{"x_hub_signature_256": ""}, {"x_hub_signature_256": "sha256=" + "0" * 64}])
def test_d10_a_forged_report_revokes_nothing(npm, uma, settings, headers):
    settings.REPORT_SECRET = "shared"
    leaked = login_token(uma)
    assert report(npm, [leaked], **headers).status_code == 401
    assert report(npm, [leaked], secret="other").status_code == 401
    settings.REPORT_SECRET = ""
    assert report(npm, [leaked], secret="").status_code == 404
    assert npm.as_(leaked).get("-/whoami").status_code == 200


@pytest.mark.parametrize(("found", "status"), [(["x"] * 1001, 422), (["x"] * 1000, 200), ([5], 400), ({}, 400)])
def test_d10_a_report_has_limits(npm, settings, found, status):
    settings.REPORT_SECRET = "shared"
    assert report(npm, found).status_code == status


# --- D12 to D18: passwords and resets ----------------------------------------------------------------------------


def test_d12_a_copy_of_the_database_opens_nothing(npm, client, uma):
    secret = login_token(uma)
    turn_on_two_factor(uma)
    row = Token.objects.get()
    for guess in (row.digest, row.prefix, str(row.key), row.key.hex, hashlib.sha256(row.digest.encode()).hexdigest()):
        assert npm.as_(guess).get("-/whoami").status_code == 401
    kept = str(list(Token.objects.values())) + str(list(uma.user.authenticator_set.values()))
    assert secret not in kept
    recovery = uma.user.authenticator_set.get(type="recovery_codes").wrap().generate_codes()
    assert not any(each in kept for each in recovery)


def test_d13_wrong_passwords_are_counted_whatever_right_ones_come_between(npm, uma, bob):
    answers = []
    for number in range(8):
        answers.append(login(npm, "uma", f"wrong {number}").status_code)
        login(npm, "bob", PASSWORD)
    assert 429 in answers
    assert login(npm, "uma", PASSWORD).status_code == 429
    assert Token.objects.filter(user=uma.user).count() == 0


def test_d13_nobody_is_locked_out_for_good(npm, uma, time_machine):
    for number in range(8):
        login(npm, "uma", f"wrong {number}")
    time_machine.move_to(timezone.now() + timedelta(minutes=6))
    assert login(npm, "uma", PASSWORD).status_code == 201


def test_d14_the_counts_are_kept_where_all_workers_see_them(npm, uma):
    def rows() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM shared_cache")
            return cursor.fetchone()[0]

    before = rows()
    login(npm, "uma", "wrong")
    assert rows() > before


@pytest.mark.parametrize("password", ["x" * 4097, "x" * 1_000_000, "nul\0byte", ""])
def test_d16_a_password_that_is_none_is_refused_before_it_is_hashed(npm, uma, password):
    assert login(npm, "uma", password).status_code in (400, 413, 422)
    assert not Token.objects.exists()


def test_d16_common_and_short_passwords_are_refused(client, db):
    for password in ("password123", "1234567890", "short", "newcomer@example.com"):
        form = {"username": "newcomer", "email": "newcomer@example.com", "password1": password}
        assert client.post("/signup", form, headers=HTML).status_code == 200
    assert not User.objects.exists()


@pytest.fixture
def reset_link(client, uma, sent):
    """The path in the mail that uma was sent."""
    client.post("/password/reset", {"email": "uma@example.com"}, headers=HTML | {"host": "testserver"})
    return re.search(r"http://testserver(/password/reset/key/\S+)", sent[-1].body)[1]


def test_d17_a_reset_link_names_the_configured_site(client, uma, sent, settings):
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = "https://npm.example.com", ["*"]
    client.post("/password/reset", {"email": "uma@example.com"}, headers=HTML | {"host": "evil.example"})
    assert "https://npm.example.com/password/reset/key/" in sent[-1].body
    assert "evil.example" not in sent[-1].body


def set_password(client, link: str, password: str):
    """Follow a reset link and fill its form; the last answer."""
    opened = client.get(link, headers=HTML)
    if opened.status_code != 302:
        return opened
    return client.post(opened["Location"], {"password1": password, "password2": password}, headers=HTML)


def test_d17_a_reset_link_works_once_and_does_not_sign_in(client, uma, reset_link):
    turn_on_two_factor(uma)
    assert set_password(client, reset_link, "another horse battery").status_code == 302
    assert User.objects.get(username="uma").check_password("another horse battery")
    assert client.get("/settings/profile").status_code == 302, "nobody is signed in by it"
    assert authenticators(uma) == {"totp", "recovery_codes"}
    set_password(Client(), reset_link, "a third horse battery")
    assert User.objects.get(username="uma").check_password("another horse battery")


def test_d17_a_reset_link_ends_after_an_hour_and_with_the_password(client, uma, reset_link, time_machine):
    uma.user.set_password("another horse battery")
    uma.user.save()
    set_password(client, reset_link, "a third horse battery")
    assert User.objects.get(username="uma").check_password("another horse battery")


def test_d17_an_old_reset_link_is_none(client, uma, reset_link, time_machine):
    time_machine.move_to(timezone.now() + timedelta(minutes=61))
    set_password(client, reset_link, "another horse battery")
    assert User.objects.get(username="uma").check_password(PASSWORD)


def test_d17_a_reset_page_tells_no_other_site(client, reset_link):
    assert client.get(reset_link, headers=HTML)["Referrer-Policy"] == "same-origin"


def test_d18_a_reset_looks_the_same_for_everybody(client, uma, olga, sent):
    answers = [
        client.post("/password/reset", {"email": email}, headers=HTML)
        for email in ("uma@example.com", "olga@example.com", "nobody@example.com")
    ]
    assert {(answer.status_code, answer["Location"]) for answer in answers} == {(302, "/password/reset/done")}


# --- D20 to D25: sessions and second factors ---------------------------------------------------------------------


@pytest.mark.parametrize("what", ["password", "suspended"])
def test_d20_a_stolen_session_is_dead_at_its_next_request(client, uma, what):
    sign_in(client, uma)
    assert client.get("/settings/profile").status_code == 200
    if what == "password":
        uma.user.set_password("another horse battery")
    uma.user.is_active = what != "suspended"
    uma.user.save()
    assert client.get("/settings/profile").status_code == 302


@pytest.mark.parametrize(
    "spelling",
    [
        lambda shown: f" {shown[:3]} {shown[3:]} ",
        lambda shown: "".join(chr(ord("０") + int(digit)) for digit in shown),
        lambda shown: shown + "\u3000",
    ],
)
def test_d21_a_code_is_one_code_in_every_spelling(npm, uma, spelling):
    turn_on_two_factor(uma)
    shown = code()
    sent = spelling(shown).encode().decode("latin-1")  # as a header arrives
    assert codes.normalise(spelling(shown)) == shown
    assert login(npm, "uma", PASSWORD, npm_otp=shown).status_code == 201
    assert login(npm, "uma", PASSWORD, npm_otp=sent).status_code == 401
    assert Token.objects.count() == 1


def test_d21_a_code_is_used_once_also_in_the_next_steps(npm, uma, time_machine):
    turn_on_two_factor(uma)
    start = timezone.now().replace(second=0, microsecond=0)
    time_machine.move_to(start, tick=False)
    shown = code()
    assert login(npm, "uma", PASSWORD, npm_otp=shown).status_code == 201
    for seconds in (0, 29, 30, 45, 59):
        time_machine.move_to(start + timedelta(seconds=seconds), tick=False)
        assert login(npm, "uma", PASSWORD, npm_otp=shown).status_code == 401
    assert Token.objects.count() == 1


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (-1, 201), (0, 201), (1, 201), (2, 401)])
def test_d21_clocks_may_differ_by_one_step(npm, uma, time_machine, steps, status):
    turn_on_two_factor(uma)
    time_machine.move_to(timezone.now().replace(second=15), tick=False)
    assert login(npm, "uma", PASSWORD, npm_otp=code(steps=steps)).status_code == status


def test_d21_five_wrong_codes_in_five_minutes_and_a_right_one_buys_no_more(npm, uma, time_machine):
    turn_on_two_factor(uma)
    caller, start = npm.as_(login_token(uma)), timezone.now()
    answers = []
    for number in range(6):
        if number == 3:
            assert put(caller, number="1.0.0", npm_otp=code()).status_code == 201
        answers.append(put(caller, npm_otp=f"00000{number}").status_code)
    assert answers == [401] * 5 + [429]
    assert put(caller, npm_otp=code(steps=1)).status_code == 429, "the right one waits, too"
    assert login(npm, "uma", PASSWORD, npm_otp=code(steps=1)).status_code == 429, "whichever door"
    time_machine.move_to(start + timedelta(minutes=6))
    assert put(caller, npm_otp=code()).status_code == 201


def test_d21_twenty_wrong_codes_an_hour(npm, uma, time_machine):
    turn_on_two_factor(uma)
    start, wrong = timezone.now(), 0
    for minutes in range(0, 60, 6):
        time_machine.move_to(start + timedelta(minutes=minutes))
        for number in range(5):
            wrong += login(npm, "uma", PASSWORD, npm_otp=f"1111{minutes:02}{number}").status_code == 401
    assert wrong == 20


def test_d22_a_recovery_code_works_once_and_its_person_is_told(npm, uma, sent):
    unused = turn_on_two_factor(uma)
    assert login(npm, "uma", PASSWORD, npm_otp=unused[0]).status_code == 201
    assert login(npm, "uma", PASSWORD, npm_otp=unused[0]).status_code == 401
    event = AuditEvent.objects.get(action="two_factor.recovery_used")
    assert event.facts == {"left": 9}
    assert [(each.to, "9 of them are left" in each.body) for each in sent[:1]] == [(["uma@example.com"], True)]
    assert ["was made for your account" in each.subject for each in sent[1:]] == [True], "the token of the login"


def test_d22_a_recovery_code_is_dead_after_its_repeat_window(npm, uma, time_machine):
    unused = turn_on_two_factor(uma)
    assert login(npm, "uma", PASSWORD, npm_otp=unused[0]).status_code == 201
    time_machine.move_to(timezone.now() + codes.REPEAT + timedelta(minutes=1))
    assert login(npm, "uma", PASSWORD, npm_otp=unused[0]).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_d22_twenty_at_once_use_a_recovery_code_once(uma, settings):
    settings.ACCOUNT_RATE_LIMITS = False
    unused = turn_on_two_factor(uma)

    def attempt(_) -> int:
        try:
            return login(RegistryClient(Client()), "uma", PASSWORD, npm_otp=unused[0]).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(attempt, range(20)))
    assert sorted(answers)[:2] == [201, 401], answers
    assert Token.objects.count() == 1
    assert OneTimePass.objects.count() == 1


@pytest.mark.parametrize(
    ("page", "form"),
    [
        ("/settings/two-factor/app/remove", {}),
        ("/settings/two-factor/codes/new", {}),
        ("/settings/two-factor/mode", {"mode": "auth-only"}),
        ("/settings/email", {"action_add": "", "email": "new@example.com"}),
        ("/settings/tokens", {"name": "x", "access": "read-write", "days": "5"}),
    ],
)
@pytest.mark.parametrize(("method", "seconds"), [("password", 0), ("mfa", 301)])
def test_d24_what_touches_the_account_asks_who_is_there(client, uma, page, form, method, seconds):
    turn_on_two_factor(uma)
    sign_in(client, uma, method=method, seconds_ago=seconds)
    events = AuditEvent.objects.count()
    answer = client.post(page, form, headers=HTML)
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/reauthenticate/code")
    assert authenticators(uma) == {"totp", "recovery_codes"}
    assert not Token.objects.exists()
    assert EmailAddress.objects.filter(user=uma.user).count() == 1
    assert AuditEvent.objects.count() == events


def test_d24_the_old_address_is_told(npm, uma, sent):
    hers = npm.as_(login_token(uma))
    turn_on_two_factor(uma)
    sent.clear()
    assert hers.post("-/npm/v1/user", {"email": "new@example.com"}, npm_otp=code()).status_code == 200
    assert [each.to for each in sent] == [["uma@example.com"]]


@pytest.mark.parametrize("page", ["/settings/two-factor/app", "/settings/two-factor/passkeys/add"])
def test_d25_a_session_thief_adds_no_second_factor(client, uma, page):
    sign_in(client, uma, seconds_ago=301)
    for answer in (client.get(page, headers=HTML), client.post(page, {"code": code()}, headers=HTML)):
        assert answer.status_code == 302
        assert answer["Location"].startswith("/reauthenticate?next=")
    assert not authenticators(uma)


def test_d25_an_unconfirmed_address_gets_no_second_factor(client, uma, settings):
    settings.MFA_ALLOW_UNVERIFIED_EMAIL = False
    EmailAddress.objects.update(verified=False)
    sign_in(client, uma)
    for page in ("/settings/two-factor/app", "/settings/two-factor/passkeys/add"):
        assert client.get(page, headers=HTML)["Location"] == "/settings/two-factor"
    assert not authenticators(uma)


# --- D26 to D30: npm's doors -------------------------------------------------------------------------------------


def test_d26_a_challenged_publish_keeps_nothing(npm, uma, settings, blob_files):
    turn_on_two_factor(uma)
    answer = put(npm.as_(login_token(uma)), npm_auth_type="web")
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "OTP")
    assert {"authUrl", "doneUrl"} < set(answer.json())
    assert not blob_files()
    assert not list(settings.SPOOL_DIR.glob("*")) if settings.SPOOL_DIR.exists() else True
    assert not Package.objects.exists()


@pytest.fixture
def started(npm, db):
    """A login that somebody began, perhaps the attacker: (the page to approve it, the address to poll)."""
    answer = npm.post("-/v1/login", {}, user_agent="npm/12.0.0").json()
    return tuple(answer[name].removeprefix("http://testserver") for name in ("loginUrl", "doneUrl"))


def test_d28_a_login_is_approved_by_a_form_from_somebody_who_showed_who_they_are(client, uma, started):
    page, poll = started
    sign_in(client, uma, seconds_ago=301)
    for answer in (client.get(page, headers=HTML), client.post(page, {"decision": "approve"}, headers=HTML)):
        assert answer["Location"].startswith("/reauthenticate?next=")
    assert client.get(poll).status_code == 202
    sign_in(client, uma)
    shown = client.get(page, headers=HTML).content.decode()
    assert "127.0.0.1" in shown
    assert "npm/12.0.0" in shown
    assert f"<code>{page[-6:]}</code>" in shown, "to compare with the terminal"
    assert client.get(poll).status_code == 202, "looking approves nothing"
    client.post(page, {"decision": "approve"}, headers=HTML)
    assert client.get(poll).status_code == 200


def test_d28_with_two_factor_on_a_password_approves_nothing(client, uma, started):
    turn_on_two_factor(uma)
    sign_in(client, uma)
    assert client.post(started[0], {"decision": "approve"}, headers=HTML)["Location"].startswith("/reauthenticate/code")
    assert WebLogin.objects.get().approved_by is None
    sign_in(client, uma, method="mfa")
    client.post(started[0], {"decision": "approve"}, headers=HTML)
    assert client.get(started[1]).status_code == 200


def test_d29_the_legacy_door_asks_for_the_second_factor(npm, uma):
    turn_on_two_factor(uma)
    refused = login(npm, "uma", PASSWORD)
    assert (refused.status_code, refused["WWW-Authenticate"]) == (401, "OTP")
    wrong = login(npm, "uma", "wrong", npm_otp=code())
    assert (wrong.status_code, "WWW-Authenticate" in wrong.headers) == (401, False)
    assert not Token.objects.exists()
    assert login(npm, "uma", PASSWORD, npm_otp=code()).status_code == 201, "a wrong password used no code up"


@pytest.mark.parametrize(
    "body",
    [
        {"name": "newcomer", "password": PASSWORD, "email": "n@example.com"},
        {"name": "uma", "password": PASSWORD, "email": "new@example.com", "roles": ["admin"]},
    ],
)
def test_d30_the_legacy_door_only_logs_in(npm, uma, body):
    people_before = list(User.objects.values())
    npm.put(f"-/user/org.couchdb.user:{body['name']}", body)
    assert npm.put("-/user/org.couchdb.user:uma", body | {"name": "other"}).status_code == 400
    assert list(User.objects.values()) == people_before
    assert EmailAddress.objects.get().email == "uma@example.com"


# --- D36 to D40 --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:x()"])
def test_d36_after_signing_in_one_stays_here(client, uma, target):
    form = {"login": "uma", "password": PASSWORD, "next": target}
    assert client.post("/login", form, headers=HTML)["Location"] == "/"
    sign_in(client, uma)
    asked = client.post("/reauthenticate", {"password": PASSWORD, "next": target}, headers=HTML)
    assert asked["Location"] == "/"


def sign_up(client, name: str):
    form = {"username": name, "email": f"{name}@example.com", "password1": PASSWORD}
    return client.post("/signup", form, headers=HTML)


def test_d37_an_invitation_is_for_one_account(client, settings, olga):
    settings.REGISTRATION = "invite"
    secret = people.invite(olga)
    assert client.get("/invitation/guessed", headers=HTML).status_code == 404
    sign_up(Client(), "uninvited")
    first, second = Client(), Client()
    for visitor in (first, second):  # both opened the link, one is quicker
        assert visitor.get(f"/invitation/{secret}", headers=HTML).status_code == 302
    sign_up(first, "newcomer")
    sign_up(second, "latecomer")
    assert set(User.objects.values_list("username", flat=True)) == {"olga", "newcomer"}
    assert Invitation.objects.get().used_by.username == "newcomer"
    assert client.get(f"/invitation/{secret}", headers=HTML).status_code == 404


def test_d37_a_withdrawn_invitation_opens_nothing(client, settings, olga):
    settings.REGISTRATION = "invite"
    secret = people.invite(olga)
    client.get(f"/invitation/{secret}", headers=HTML)
    Invitation.objects.all().delete()
    sign_up(client, "newcomer")
    assert not User.objects.filter(username="newcomer").exists()


def test_d38_the_last_owner_of_a_package_stays(npm, dave, publish):
    publish(dave, "loose")
    caller = npm.as_(login_token(dave))
    revision = caller.get("loose?write=true").json()["_rev"]
    assert caller.put(f"loose/-rev/{revision}", {"maintainers": []}).status_code == 409
    assert [each["name"] for each in caller.get("loose").json()["maintainers"]] == ["dave"]


def test_d38_the_last_owner_of_an_org_stays(npm, alice, acme):
    caller = npm.as_(login_token(alice))
    assert caller.delete("-/org/acme/user", {"user": "alice"}).status_code == 409
    assert caller.get("-/org/acme/user").json()["alice"] == "owner"


def test_d40_an_operator_has_no_rights_on_a_package_and_acts_in_their_own_name(npm, olga, uma, publish):
    publish(uma, "@uma/x")
    caller = npm.as_(login_token(olga))
    assert caller.get("@uma%2fx").status_code == 404
    assert put(caller).status_code == 403
    assert Version.objects.count() == 1


def test_d40_an_operator_who_helps_is_in_the_log(client, olga, uma, sent, rf):
    turn_on_two_factor(uma)
    sign_in(client, olga)
    chosen = {"action": "remove_two_factor", "_selected_action": [uma.user.pk], "confirmed": "yes"}
    client.post("/admin/accounts/user/", chosen)
    event = AuditEvent.objects.first()
    assert (event.actor_name, event.credential, event.person) == ("olga", "operator", "uma")
