"""Two-factor: codes used once, commands approved in the browser, apps and passkeys added and removed."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.utils import timezone

from accounts.actor import Actor
from accounts.models import Approval, AuditEvent, OneTimePass, Token, User
from accounts.twofactor import approvals, codes, enrolment
from registry_site.errors import Invalid, NotFound, OneTimePassRequired
from tests.conftest import PASSWORD, login_token
from tests.tools import payloads
from tests.tools.sessions import authenticators, code, sign_in, turn_on_two_factor

HTML = {"accept": "text/html"}


@pytest.fixture
def sent(settings):
    """The mails that went out: the queue delivers at once."""
    settings.TASKS = {"default": {"BACKEND": "django_tasks.backends.immediate.ImmediateBackend"}}
    settings.EMAIL_URL = "memorymail://"
    return mail.outbox


@pytest.fixture
def uma_npm(npm, uma):
    """uma's npm; she has two-factor on, and is asked when she publishes."""
    turn_on_two_factor(uma)
    return npm.as_(login_token(uma))


def publish(npm, number: str = "1.0.0", **headers: str):
    return npm.put("@uma%2fx", payloads.publish_body("@uma/x", number), **headers)


# --- being asked -------------------------------------------------------------------------------------------------


def test_a_publish_without_a_code_is_challenged_as_npm_knows_it(uma_npm, blob_files):
    answer = publish(uma_npm)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "OTP")
    assert "one-time pass" in answer.json()["error"]
    assert set(answer.json()) == {"error", "message", "code"}
    assert re.match(r"Open http://testserver/login/command/\S+ to use your security key", answer["npm-notice"])
    assert not blob_files()


def test_a_client_that_speaks_web_gets_two_addresses(uma_npm):
    answer = publish(uma_npm, npm_auth_type="web", npm_command="publish").json()
    assert answer["authUrl"].startswith("http://testserver/login/command/")
    assert answer["doneUrl"].startswith("http://testserver/npm/-/v1/approved/")
    assert answer["authUrl"].split("/")[-1] not in answer["doneUrl"], "who sees the page cannot poll"
    assert Approval.objects.get().command == "publish"


def test_the_pages_address_is_the_websites_on_a_registry_host(uma_npm, settings):
    settings.PUBLIC_URL, settings.REGISTRY_HOST = "https://www.example.com", "npm.example.com"
    settings.ALLOWED_HOSTS = ["*"]
    sent = {"authorization": f"Bearer {uma_npm.token}", "host": "npm.example.com", "npm-auth-type": "web"}
    answer = uma_npm.client.put("/-/package/x/dist-tags/y", '"1.0.0"', content_type="application/json", headers=sent)
    assert answer.json()["authUrl"].startswith("https://www.example.com/login/command/")
    started = uma_npm.client.post("/-/v1/login", "{}", content_type="application/json", headers=sent)
    assert started.json()["loginUrl"].startswith("https://www.example.com/login/npm/")


def test_a_code_publishes(uma_npm):
    assert publish(uma_npm, npm_otp=code()).status_code == 201


def test_reading_uses_no_code_up(uma_npm, npm, uma, django_assert_num_queries):
    shown = code()
    assert uma_npm.get("@uma%2fx", npm_otp=shown).status_code == 404
    assert not OneTimePass.objects.exists()
    assert publish(uma_npm, npm_otp=shown).status_code == 201


def test_one_command_repeats_its_code_and_no_other_credential_does(uma_npm, npm, uma, time_machine):
    start, shown = timezone.now(), code()
    time_machine.move_to(start, tick=False)
    shown = code()
    assert publish(uma_npm, npm_otp=shown).status_code == 201
    assert publish(uma_npm, "1.0.1", npm_otp=shown).status_code == 201
    assert publish(npm.as_(login_token(uma)), "1.0.2", npm_otp=shown).status_code == 401
    time_machine.move_to(start + codes.REPEAT - timedelta(seconds=1), tick=False)
    assert publish(uma_npm, "1.0.3", npm_otp=shown).status_code == 201
    time_machine.move_to(start + codes.REPEAT + timedelta(seconds=1), tick=False)
    assert publish(uma_npm, "1.0.4", npm_otp=shown).status_code == 401


@pytest.mark.parametrize("mode", ["auth-only", "auth-and-writes"])
def test_the_mode_says_whether_writes_ask_and_the_account_always_does(npm, uma, mode):
    turn_on_two_factor(uma)
    enrolment.set_mode(uma, uma.user, mode)
    caller = npm.as_(login_token(uma))
    asked = 401 if mode == "auth-and-writes" else 201
    assert publish(caller).status_code == asked
    assert caller.post("-/npm/v1/user", {"fullname": "x"}).status_code == 401
    assert caller.post("-/npm/v1/tokens", {"password": PASSWORD}).status_code == 401
    assert caller.get("-/npm/v1/user").status_code == 200
    assert caller.get("-/npm/v1/tokens").status_code == 200


# --- approving ---------------------------------------------------------------------------------------------------


@pytest.fixture
def waiting(uma_npm):
    """uma's publish that waits: (the page, the poll)."""
    answer = publish(uma_npm, npm_auth_type="web", npm_command="publish").json()
    return tuple(answer[name].removeprefix("http://testserver") for name in ("authUrl", "doneUrl"))


def test_an_approved_command_goes_on(client, uma_npm, uma, waiting):
    page, poll = waiting
    assert (client.get(poll).status_code, client.get(poll).json(), client.get(poll)["Retry-After"]) == (202, {}, "2")
    sign_in(client, uma, method="mfa")
    shown = client.get(page, headers=HTML).content.decode()
    assert "npm publish" in shown
    assert page[-6:] in shown
    assert client.get(poll).status_code == 202, "looking approves nothing"
    done = client.post(page, {"decision": "approve"}, headers=HTML).content.decode()
    fetched = client.get(poll).json()["token"]
    assert client.get(poll).status_code == 404, "once"
    assert publish(uma_npm, npm_otp=fetched).status_code == 201
    typed = re.search(r"<code>([\d ]+)</code>", done)[1]
    assert publish(uma_npm, "1.0.1", npm_otp=typed).status_code == 201, "what npm's prompt takes: digits and spaces"


def test_an_approvals_code_is_for_its_credential_only(client, npm, uma, waiting):
    page, poll = waiting
    sign_in(client, uma, method="mfa")
    client.post(page, {"decision": "approve"}, headers=HTML)
    fetched = client.get(poll).json()["token"]
    assert publish(npm.as_(login_token(uma)), npm_otp=fetched).status_code == 401


@pytest.mark.parametrize(("method", "seconds"), [("password", 0), ("mfa", 301)])
def test_approving_takes_a_second_factor_of_the_last_minutes(client, uma, waiting, method, seconds):
    page, poll = waiting
    sign_in(client, uma, method=method, seconds_ago=seconds)
    for answer in (client.get(page, headers=HTML), client.post(page, {"decision": "approve"}, headers=HTML)):
        assert answer.status_code == 302
        assert answer["Location"].startswith("/reauthenticate/code?next=")
    assert client.get(poll).status_code == 202
    with pytest.raises(OneTimePassRequired):
        approvals.approve(uma, Approval.objects.get().public_id)


def test_nobody_elses_command_can_be_approved(client, bob, waiting):
    turn_on_two_factor(bob)
    sign_in(client, bob, method="mfa")
    assert client.get(waiting[0], headers=HTML).status_code == 404
    assert client.post(waiting[0], {"decision": "approve"}, headers=HTML).status_code == 404
    assert client.get(waiting[1]).status_code == 202


@pytest.mark.parametrize("decision", ["", "yes", "deny"])
def test_only_the_word_approve_approves(client, uma, waiting, decision):
    sign_in(client, uma, method="mfa")
    client.post(waiting[0], {"decision": decision}, headers=HTML)
    assert client.get(waiting[1]).status_code == 404
    assert not OneTimePass.objects.exists()


@pytest.mark.parametrize("approved", [False, True])
def test_a_command_waits_ten_minutes(client, uma, waiting, time_machine, approved):
    page, poll = waiting
    sign_in(client, uma, method="mfa")
    if approved:
        client.post(page, {"decision": "approve"}, headers=HTML)
    time_machine.move_to(timezone.now() + timedelta(minutes=11))
    assert client.get(poll).status_code == 404
    with pytest.raises(NotFound):
        approvals.waiting(uma, Approval.objects.get().public_id)


def test_ended_commands_are_forgotten(uma_npm, waiting, time_machine):
    time_machine.move_to(timezone.now() + timedelta(minutes=11))
    publish(uma_npm)
    assert Approval.objects.count() == 1


def test_no_secret_of_an_approval_is_kept(client, uma, waiting):
    sign_in(client, uma, method="mfa")
    typed = client.post(waiting[0], {"decision": "approve"}, headers=HTML).content.decode()
    fetched = client.get(waiting[1]).json()["token"]
    kept = str(list(Approval.objects.values())) + str(list(OneTimePass.objects.values()))
    for secret in (waiting[1].rpartition("/")[2], fetched, re.search(r"<code>([\d ]+)</code>", typed)[1]):
        assert secret not in kept
        assert secret.replace(" ", "") not in kept


# --- tokens and two-factor ---------------------------------------------------------------------------------------


def granular(npm, actor, **limits):
    from accounts import tokens

    return npm.as_(tokens.issue(actor, actor.user, kind=Token.Kind.GRANULAR, **limits)[1])


def test_a_granular_token_is_asked_too_unless_it_bypasses(npm, uma):
    turn_on_two_factor(uma)
    assert publish(granular(npm, uma)).status_code == 401
    assert publish(granular(npm, uma), npm_otp=code()).status_code == 201
    assert publish(granular(npm, uma, bypass_two_factor=True), "1.0.1").status_code == 201


# --- the package's setting ---------------------------------------------------------------------------------------

MFA = {
    "none": {"publish_requires_tfa": False},
    "publish": {"publish_requires_tfa": True, "automation_token_overrides_tfa": False},
    "automation": {"publish_requires_tfa": True, "automation_token_overrides_tfa": True},
}


@pytest.fixture
def asking(npm, uma):
    """`asking("publish")` is uma's package that asks for two-factor, and her callers: of npm login, and of CI."""
    turn_on_two_factor(uma)
    enrolment.set_mode(uma, uma.user, "auth-only")
    caller = npm.as_(login_token(uma))
    assert publish(caller).status_code == 201

    def run(word: str):
        answer = caller.post("-/package/@uma%2fx/access", MFA[word], npm_otp=code())
        assert (answer.status_code, answer.json()) == (200, {})
        return caller, granular(npm, uma, bypass_two_factor=True)

    return run


@pytest.mark.parametrize(
    ("word", "login", "robot"), [("none", 201, 201), ("automation", 401, 201), ("publish", 401, 403)]
)
def test_what_a_package_asks_for(asking, word, login, robot):
    caller, ci = asking(word)
    assert publish(caller, "1.0.1").status_code == login
    assert publish(ci, "1.0.2").status_code == robot


def test_npm_6_says_it_in_one_word(asking, npm, uma):
    from packages.models import Package

    caller, _ = asking("none")
    caller.post("-/package/@uma%2fx/access", {"publish_requires_tfa": True}, npm_otp=code())
    assert Package.objects.get().two_factor == "automation"
    event = AuditEvent.objects.first()
    assert (event.action, event.package, event.facts["was"]) == ("package.two_factor", "@uma/x", "none")


def test_a_package_that_asks_asks_for_managing_it_too(asking, hugo):
    caller, _ = asking("publish")
    events = AuditEvent.objects.count()
    for body in (MFA["none"], {"access": "public"}):
        assert caller.post("-/package/@uma%2fx/access", body).status_code == 401
    assert AuditEvent.objects.count() == events


def test_who_has_no_two_factor_cannot_ask_others_for_it(npm, uma, publish_as):
    publish_as(uma, "@uma/x")
    caller, events = npm.as_(login_token(uma)), AuditEvent.objects.count()
    refused = caller.post("-/package/@uma%2fx/access", MFA["publish"])
    assert (refused.status_code, refused.json()["code"]) == (403, "two_factor_required")
    assert AuditEvent.objects.count() == events


@pytest.mark.parametrize("body", [{"publish_requires_tfa": "yes"}, {"publish_requires_tfa": None}, {}])
def test_a_setting_that_is_none_is_refused(asking, body):
    caller, _ = asking("none")
    events = AuditEvent.objects.count()
    assert caller.post("-/package/@uma%2fx/access", body, npm_otp=code()).status_code == 400
    assert AuditEvent.objects.count() == events


# --- the website -------------------------------------------------------------------------------------------------


def test_an_app_is_set_up_in_the_browser_and_its_person_told(client, bob, sent):
    sign_in(client, bob)
    shown = client.get("/settings/two-factor/app", headers=HTML).content.decode()
    assert 'src="data:image/svg+xml;base64,' in shown
    secret = client.session["mfa.totp.secret"]
    assert secret in shown
    wrong = client.post("/settings/two-factor/app", {"code": "000000"}, headers=HTML)
    assert wrong.status_code == 200
    assert not authenticators(bob)
    first = code(secret)
    done = client.post("/settings/two-factor/app", {"code": first}, headers=HTML)
    assert (done.status_code, done["Location"]) == (302, "/settings/two-factor/codes")
    assert authenticators(bob) == {"totp", "recovery_codes"}
    event = AuditEvent.objects.first()
    assert (event.action, event.actor_name, event.credential) == ("two_factor.enabled", "bob", "session")
    assert [(each.to, each.subject) for each in sent] == [
        (["bob@example.com"], "[Registry] An authenticator app was added to your account")
    ]
    assert secret not in sent[0].body
    kept = Authenticator.objects.get(user=bob.user, type="totp").data["secret"]
    assert secret not in kept
    assert codes.check(FakeRequest(), bob.user, None, first) is False, "the first code is used"


class FakeRequest:
    """What the limits look at when nobody asks over HTTP."""

    method = "POST"


def test_recovery_codes_are_shown_downloaded_and_renewed(client, bob, sent):
    old = turn_on_two_factor(bob)
    sign_in(client, bob, method="mfa")
    shown = client.get("/settings/two-factor/codes", headers=HTML).content.decode()
    assert all(each in shown for each in old)
    assert client.get("/settings/two-factor/codes/file").content.decode().split() == old
    assert client.post("/settings/two-factor/codes/new", headers=HTML).status_code == 302
    new = client.get("/settings/two-factor/codes/file").content.decode().split()
    assert not set(new) & set(old)
    assert AuditEvent.objects.first().action == "two_factor.recovery_made"
    assert "New recovery codes" in sent[0].subject


def test_removing_the_last_factor_turns_it_off(client, bob, sent):
    turn_on_two_factor(bob)
    sign_in(client, bob, method="mfa")
    assert client.post("/settings/two-factor/app/remove", headers=HTML).status_code == 302
    assert not authenticators(bob)
    assert AuditEvent.objects.first().action == "two_factor.disabled"
    assert "two-factor is off" in sent[0].body


def test_the_mode_is_chosen_on_the_page(client, bob):
    turn_on_two_factor(bob)
    sign_in(client, bob, method="mfa")
    assert 'value="auth-and-writes" checked' in client.get("/settings/two-factor", headers=HTML).content.decode()
    client.post("/settings/two-factor/mode", {"mode": "auth-only"}, headers=HTML)
    assert User.objects.get(pk=bob.user.pk).two_factor_mode == "auth-only"
    assert AuditEvent.objects.first().facts == {"mode": "auth-only"}
    assert client.post("/settings/two-factor/mode", {"mode": "never"}, headers=HTML).status_code == 422


def test_who_lost_everything_is_helped_by_an_operator(client, olga, bob, sent):
    turn_on_two_factor(bob)
    sign_in(client, olga)
    listed = client.get("/admin/accounts/user/").content.decode()
    assert "icon-yes" in listed
    chosen = {"action": "remove_two_factor", "_selected_action": [bob.user.pk]}
    assert "bob@example.com" in client.post("/admin/accounts/user/", chosen).content.decode()
    assert authenticators(bob), "it asks first"
    client.post("/admin/accounts/user/", chosen | {"confirmed": "yes"})
    assert not authenticators(bob)
    event = AuditEvent.objects.first()
    assert (event.action, event.actor_name, event.person, event.credential) == (
        "two_factor.disabled", "olga", "bob", "operator",
    )  # fmt: skip
    assert [each.to for each in sent] == [["bob@example.com"]]


def test_setting_up_without_a_browser_needs_what_was_begun(bob, rf):
    actor = Actor(bob.user, credential="session")
    with pytest.raises(Invalid, match="nothing is being set up"):
        enrolment.confirm(FakeRequest(), actor, bob.user, "123456")
    with pytest.raises(Invalid, match="auth-only or auth-and-writes"):
        enrolment.begin(bob.user, "always")
    assert not authenticators(bob)


def test_a_packages_settings_page_asks_publishers_for_two_factor(client, uma, publish_as):
    from packages.models import Package

    publish_as(uma, "@uma/x")
    sign_in(client, uma)
    assert "turn on" in client.get("/package/@uma/x/settings", headers=HTML).content.decode()
    form = "/package/@uma/x/settings/two-factor"
    assert client.post(form, {"asks": "publish"}, headers=HTML).status_code == 403
    turn_on_two_factor(uma)
    sign_in(client, uma)
    assert client.post(form, {"asks": "publish"}, headers=HTML)["Location"].startswith("/reauthenticate/code")
    assert Package.objects.get().two_factor == "none"
    sign_in(client, uma, method="mfa")
    assert client.post(form, {"asks": "publish"}, headers=HTML)["Location"] == "/package/@uma/x/settings"
    assert Package.objects.get().two_factor == "publish"
    shown = client.get("/package/@uma/x/settings", headers=HTML).content.decode()
    assert 'value="publish" checked' in shown


@pytest.fixture
def publish_as(request):
    """The shared fixture `publish`, whose name is taken here."""
    return request.getfixturevalue("publish")
