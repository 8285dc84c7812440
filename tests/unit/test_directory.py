"""Signing in with the company's directory: against a real slapd, with the tricks that would open another account."""

from __future__ import annotations

import dataclasses
import logging

import ldap3
import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.test import Client

from accounts import absence, standstill, suspension
from accounts.actor import Actor, operator
from accounts.directory import rounds
from accounts.models import Absence, AuditEvent, DirectoryPerson, Scope, Token, User
from orgs import organizations, teams
from orgs.models import Role, Seat
from packages import surroundings
from registry_site import env, timetable
from registry_site.errors import Conflict, NotFound, Unavailable
from tests.conftest import PASSWORD as OWN
from tests.conftest import login_token
from tests.tools import directory as tool
from tests.tools import ports
from tests.tools.directory import PASSWORD
from tests.tools.sessions import code, sign_in, turn_on_two_factor

HTML = {"accept": "text/html"}
BACKEND = "accounts.directory.signing_in.DirectoryBackend"


@pytest.fixture(scope="module")
def slapd(tmp_path_factory):
    try:
        with tool.running(tmp_path_factory.mktemp("slapd")) as running:
            yield running
    except tool.Missing as reason:
        pytest.skip(str(reason))


@pytest.fixture
def company(slapd, settings, db):
    """The directory, empty but for nina, and a registry that signs people in with it."""
    slapd.clear()
    for name, value in slapd.settings().items():
        setattr(settings, name, value)
    settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, BACKEND]
    slapd.add("nina", displayName="Nina N.")
    return slapd


@pytest.fixture
def mapped(company, settings, acme):
    settings.LDAP_GROUP_TEAMS = {"eng": [("acme", "core")], "ops": [("acme", "readers"), ("ghost", "x")]}
    return company


def enter(name: str = "nina", password: str = PASSWORD, client: Client | None = None):
    return (client or Client()).post("/login", {"login": name, "password": password}, headers=HTML)


def who(client: Client) -> str:
    pk = client.session.get("_auth_user_id")
    return User.objects.get(pk=pk).username if pk else ""


def nina() -> User:
    return User.objects.get(username="nina")


def npm_login(npm, name: str = "nina", password: str = PASSWORD, **more):
    return npm.put(f"-/user/org.couchdb.user:{name}", {"name": name, "password": password, "type": "user"}, **more)


def rows() -> tuple[int, ...]:
    tables = (User, Scope, DirectoryPerson, Absence, EmailAddress, Token, AuditEvent)
    return tuple(model.objects.count() for model in tables)


def seats(name: str = "nina") -> set[str]:
    return set(Seat.objects.filter(membership__user__username=name).values_list("team__name", flat=True))


def events(action: str) -> list[dict]:
    return [event.facts for event in AuditEvent.objects.filter(action=action, person="nina")]


# --- signing in ---------------------------------------------------------------------------------------------------


def test_the_first_sign_in_makes_an_account_and_the_next_opens_it(client, company):
    assert b"name and password of Acme Directory" in client.get("/login").content
    assert enter(client=client)["Location"] == "/"
    user = User.objects.get()
    assert (user.username, user.full_name, user.email) == ("nina", "Nina N.", "nina@acme.example")
    assert not user.has_usable_password()
    assert EmailAddress.objects.get().verified
    assert events("user.created") == [{"via": "Acme Directory"}]
    before = rows()
    again = Client()
    assert enter("NINA", client=again).status_code == 302
    assert who(again) == "nina"
    assert rows() == before


@pytest.mark.parametrize("password", ["wrong", "", " ", "x" * 5000, "a\0b", OWN])
def test_another_password_opens_nothing(client, company, password):
    """The empty one above all: this directory takes it for an anonymous visitor, and lets that in."""
    before = rows()
    assert enter(password=password, client=client).status_code == 200
    assert who(client) == ""
    assert rows() == before


def test_an_empty_password_is_never_sent_to_the_directory(company):
    from accounts.directory import client

    with client.asking() as directory:
        dn = directory.named("nina").dn
    assert not client._opens(dn, "")
    assert not client._opens("", "")
    assert client.authenticate("nina", "") is None
    assert client.is_password("entryuuid:0", "") is None


@pytest.mark.parametrize(
    "name",
    [
        "*",
        "n*",
        "nina)(uid=*",
        "*)(|(uid=*",
        "nina)(&(uid=nina",
        "\\6eina",
        "nina\\2a",
        "ni(na",
        "x" * 300,
        "ünal",
        "(",
    ],
)
def test_a_name_is_never_part_of_the_filter(client, company, name):
    before = rows()
    assert enter(name, client=client).status_code == 200
    assert who(client) == ""
    assert rows() == before


def test_odd_names_are_found_as_they_are(company, settings):
    settings.LDAP_USER_FILTER = "(cn={name})"
    company.add("odd", cn="O (odd) * \\ Ünal")
    assert enter("O (odd) * \\ Ünal").status_code == 302
    assert User.objects.get().username == "odd"


def test_a_filter_that_finds_two_people_signs_nobody_in(client, company, settings):
    settings.LDAP_USER_FILTER = "(|(uid={name})(sn={name}))"
    company.add("other", sn="nina")
    assert enter(client=client).status_code == 200
    assert rows()[0] == 0


def test_npms_password_login_works_and_its_token_with_it(npm, company):
    answer = npm_login(npm)
    assert answer.status_code == 201
    assert npm.as_(answer.json()["token"]).get("-/whoami").json() == {"username": "nina"}
    assert npm_login(npm, password="wrong").status_code == 401
    assert npm_login(npm, name="nobody").status_code == 401
    assert Token.objects.count() == 1


def test_our_own_two_factor_is_asked_for_as_well(npm, client, company):
    enter()
    turn_on_two_factor(Actor(nina(), credential="session"))
    assert enter(client=client)["Location"].startswith("/login/code")
    assert who(client) == ""
    assert npm_login(npm).status_code == 401
    assert npm_login(npm, npm_otp=code()).status_code == 201


def test_the_connection_is_with_tls_either_way_and_the_certificate_is_looked_at(client, company, settings, tmp_path):
    settings.LDAP_URL = company.secure_url
    assert enter().status_code == 302
    for url in (company.url, company.secure_url):
        settings.LDAP_URL, settings.LDAP_CA_FILE = url, None
        assert enter(client=client).status_code == 503
        settings.LDAP_CA_FILE = company.authority
        settings.LDAP_URL = url.replace("localhost", "localhost.")
        assert enter(client=client).status_code == 503, "a certificate for another name"
    settings.LDAP_URL, settings.LDAP_STARTTLS, settings.LDAP_CA_FILE = company.url, False, None
    assert enter(client=client).status_code == 302


# --- whose account it is ------------------------------------------------------------------------------------------


def test_a_name_of_somebody_else_is_never_taken_over(client, company, alice):
    company.add("alice", mail="other@acme.example")
    enter("alice", client=client)
    assert who(client) == "alice-2"
    assert not DirectoryPerson.objects.filter(user=alice.user).exists()
    own = Client()
    enter("alice", OWN, client=own)
    assert who(own) == "alice"


def test_an_address_of_somebody_else_opens_nothing(client, company, alice):
    company.add("mallory", mail="alice@example.com")
    before = rows()
    page = enter("mallory", client=client)
    assert page.status_code == 409
    assert b"has your address" in page.content
    assert who(client) == ""
    assert rows() == before


def test_a_person_stays_who_they_are_under_another_name_and_a_namesake_is_another(client, company):
    enter()
    company.rename("nina", "nina.n")
    enter("nina.n", client=client)
    assert who(client) == "nina"
    company.add("nina", mail="second@acme.example")
    second = Client()
    enter(client=second)
    assert who(second) == "nina-2"
    assert User.objects.count() == 2


def test_closed_registration_lets_nobody_new_in(client, company, settings):
    settings.REGISTRATION = "closed"
    before = rows()
    assert enter(client=client).status_code == 403
    assert rows() == before


def test_a_person_without_an_address_needs_one_where_mail_is_verified(client, company, settings):
    company.add("quiet", mail=None)
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    assert enter("quiet", client=client).status_code == 422
    assert not User.objects.exists()
    settings.ACCOUNT_EMAIL_VERIFICATION = "optional"
    assert enter("quiet").status_code == 302
    assert User.objects.get().email == ""


def test_an_account_is_connected_by_its_person(client, company, alice):
    company.add("a.liddell", mail="alice@example.com")
    sign_in(client, alice)
    assert b"Connect Acme Directory" in client.get("/settings/sign-ins").content
    wrong = {"name": "a.liddell", "password": "wrong"}
    client.post("/settings/sign-ins/directory", wrong)
    assert not DirectoryPerson.objects.exists()
    client.post("/settings/sign-ins/directory", wrong | {"password": PASSWORD})
    assert DirectoryPerson.objects.get().user == alice.user
    assert AuditEvent.objects.filter(action="sign_in.connected", person="alice").count() == 1
    assert b"The one of Acme Directory" in client.get("/settings/sign-ins").content, "still signed in"
    other = Client()
    enter("a.liddell", client=other)
    assert who(other) == "alice"
    assert enter("alice", OWN).status_code == 200, "the password that was kept here is forgotten"


def test_who_is_connected_already_is_not_connected_twice(client, company, alice, bob):
    enter()
    sign_in(client, bob)
    before = rows()
    client.post("/settings/sign-ins/directory", {"name": "nina", "password": PASSWORD})
    assert rows() == before
    assert bob.user.has_usable_password()
    sign_in(client, alice, seconds_ago=3600)
    assert client.post("/settings/sign-ins/directory", {"name": "nina", "password": PASSWORD}).status_code == 302
    assert rows() == before


def test_without_a_directory_there_is_nothing(client, alice):
    sign_in(client, alice)
    assert b"directory" not in client.get("/settings/sign-ins").content
    assert client.post("/settings/sign-ins/directory", headers=HTML).status_code == 404
    with pytest.raises(NotFound):
        rounds.go()
    rounds.daily()


# --- the password is the company's ----------------------------------------------------------------------------------


def test_the_password_is_shown_again_to_the_directory(client, company):
    enter(client=client)
    sign_in(client, Actor(nina(), credential="session"), seconds_ago=3600)
    step = client.post("/settings/tokens", {"name": "x"})
    assert step["Location"].startswith("/reauthenticate?next=")
    assert client.post(step["Location"], {"password": "wrong"}).status_code == 200
    assert client.post(step["Location"], {"password": PASSWORD}).status_code in (200, 302)
    sent = {"name": "build", "access": "read-only", "days": "3"}
    assert b"Your new token" in client.post("/settings/tokens", sent).content


def test_it_is_changed_there_and_not_here(client, npm, company, settings):
    settings.EMAIL_URL = "memory://"
    settings.TASKS = {"default": {"BACKEND": "django_tasks.backends.immediate.ImmediateBackend"}}
    enter(client=client)
    assert client.get("/settings/password").status_code == 302
    assert b"is the one of Acme Directory" in client.get("/settings/password/set").content
    new = {"password1": "a new long password", "password2": "a new long password"}
    assert b"is the one of Acme Directory" in client.post("/settings/password/set", new).content
    caller = npm.as_(login_token(Actor(nina(), credential="session")))
    sent = {"password": {"old": PASSWORD, "new": "a new long password"}}
    answer = caller.post("-/npm/v1/user", sent)
    assert answer.status_code == 422
    assert "change it there" in answer.json()["error"]
    mail.outbox.clear()
    assert b"not kept here" in Client().get("/password/reset").content
    Client().post("/password/reset", {"email": "nina@acme.example"})
    assert [each.subject.endswith("Your password is not kept here") for each in mail.outbox] == [True]
    assert "/password/reset/key" not in mail.outbox[0].body
    assert not nina().has_usable_password()


def test_tries_are_limited_as_for_every_password(client, company):
    answers = [enter(password=f"wrong {number}") for number in range(12)]
    assert b"Too many failed" in answers[-1].content or answers[-1].status_code == 429
    assert enter(client=client).status_code != 302
    assert who(client) == ""


# --- the directory is away ------------------------------------------------------------------------------------------


def test_a_directory_that_is_away_is_said_and_suspends_nobody(client, npm, company, settings, bob):
    enter()
    token = login_token(Actor(nina(), credential="session"))
    settings.LDAP_URL = f"ldap://localhost:{ports.free()}"
    before = rows()
    for _ in range(12):
        page = enter(client=client)
        assert page.status_code == 503, "what nobody could look at is no failed try"
    assert b"Acme Directory does not answer" in page.content
    assert npm_login(npm).status_code == 503
    with pytest.raises(Unavailable):
        rounds.go()
    assert timetable.run("look everybody up in the directory") is False
    assert npm.as_(token).get("-/whoami").status_code == 200
    assert enter("bob", OWN).status_code == 302, "passwords that are kept here go on"
    assert rows()[:4] == before[:4]


@pytest.mark.parametrize(
    "broken",
    [
        {"LDAP_BIND_PASSWORD": "wrong"},
        {"LDAP_USER_BASE": "ou=nowhere,dc=acme,dc=example"},
        {"LDAP_GROUP_BASE": "ou=nowhere,dc=acme,dc=example"},
        {"LDAP_USER_BASE": "no dn"},
        {"LDAP_NAME_ATTRIBUTE": "employeeNumber"},
        {"LDAP_BIND_DN": "", "LDAP_BIND_PASSWORD": ""},
    ],
)
def test_a_wrong_setting_is_no_answer_about_anybody(client, company, settings, broken):
    enter()
    for name, value in broken.items():
        setattr(settings, name, value)
    assert enter(client=client).status_code in (503, 200)
    assert who(client) == ""
    try:
        rounds.go()
    except Unavailable:
        pass
    else:
        pytest.fail("nobody can be looked up")
    assert nina().is_active


def test_no_password_gets_into_the_log(client, company, settings, caplog):
    caplog.set_level(logging.DEBUG)
    settings.LDAP_BIND_PASSWORD = "canary-bind"
    enter(password="canary-typed", client=client)
    assert "canary" not in caplog.text
    assert "did not answer as it should" in caplog.text


def test_what_the_server_finds_when_it_looks_at_itself(company, settings):
    def said() -> dict[str, str]:
        return {each.state: each.says for each in surroundings.directory()}

    assert "lets this registry in" in said()["good"]
    settings.LDAP_STARTTLS = False
    assert "LDAP_STARTTLS is off" in said()["warn"]
    settings.LDAP_BIND_PASSWORD = "wrong"
    assert "does not answer" in said()["bad"]


# --- groups, and being gone -------------------------------------------------------------------------------------------


def test_groups_are_seats_in_the_mapped_teams_only(mapped, alice):
    mapped.group("eng", "nina")
    enter()
    assert seats() == {"developers", "core"}
    assert {"team": "core", "by": "group"} in events("team.joined")
    teams.create(alice, "acme", "other")
    teams.add(alice, "acme", "other", "nina")
    mapped.group("eng")
    mapped.group("ops", "nina")
    enter()
    assert seats() == {"developers", "readers", "other"}
    mapped.group("ops")
    assert rounds.go() == rounds.Outcome(1, [], [])
    assert seats() == {"developers", "other"}


def test_groups_come_in_pages(mapped, settings, monkeypatch):
    """A directory gives some hundred entries at once: the one that counts may be on a later page."""
    from accounts.directory import client

    monkeypatch.setattr(client, "PAGE", 2)
    for name in ("a", "b", "c", "d", "eng", "f"):
        mapped.group(name, "nina")
    with client.asking() as directory:
        assert directory.named("nina").groups == {"a", "b", "c", "d", "eng", "f"}
    enter()
    assert seats() == {"developers", "core"}
    monkeypatch.setattr(client, "MOST_GROUPS", 3)
    assert enter().status_code == 503, "an answer that never ends says nothing"


def test_groups_are_roles(company, settings, acme, alice):
    settings.LDAP_GROUP_ROLES = {"leads": [("acme", "admin")]}
    company.group("leads", "nina")
    enter()
    assert organizations.of(nina()).get().role == Role.ADMIN
    company.group("leads")
    rounds.go()
    assert organizations.of(nina()).get().role == Role.DEVELOPER
    assert events("member.role") == [{"role": "developer", "was": "admin", "by": "group"}]


def test_the_round_moves_seats_and_costs_nothing_where_nothing_changed(mapped, django_assert_max_num_queries):
    mapped.group("eng", "nina")
    enter()
    mapped.group("eng")
    mapped.group("ops", "nina")
    rounds.go()
    assert seats() == {"developers", "readers"}
    before = rows()
    with django_assert_max_num_queries(6):
        rounds.go()
    assert rows() == before


def test_who_is_not_in_the_required_group_gets_no_account(client, company, settings):
    settings.LDAP_REQUIRED_GROUP = "staff"
    page = enter(client=client)
    assert page.status_code == 403
    assert b"group staff" in page.content
    assert rows()[:3] == (0, 0, 0)
    company.group("staff", "nina")
    assert enter(client=client).status_code == 302


def test_who_leaves_the_group_is_suspended_at_the_sign_in_and_let_in_when_back(client, npm, company, settings):
    settings.LDAP_REQUIRED_GROUP = "staff"
    company.group("staff", "nina")
    enter(client=client)
    caller = npm.as_(login_token(Actor(nina(), credential="session")))
    assert caller.get("-/whoami").status_code == 200
    company.group("staff")
    assert npm_login(npm).status_code == 403
    assert caller.get("-/whoami").status_code == 401, "its tokens are refused"
    assert client.get("/settings/tokens").status_code == 302, "its sessions are over"
    assert events("user.suspended") == [{"reason": "not in the group staff of Acme Directory"}]
    company.group("staff", "nina")
    assert enter().status_code == 302
    assert caller.get("-/whoami").status_code == 200
    assert not Absence.objects.exists()


def test_the_round_suspends_who_is_gone_and_lets_in_who_is_back(npm, company, settings, bob):
    enter()
    caller = npm.as_(login_token(Actor(nina(), credential="session")))
    settings.LDAP_USER_FILTER = "(&(uid={name})(!(employeeType=left)))"
    assert rounds.go() == rounds.Outcome(1, [], [])
    company.admin.modify(f"uid=nina,{tool.PEOPLE}", {"employeeType": [("MODIFY_ADD", ["left"])]})
    assert rounds.go(dry=True) == rounds.Outcome(1, ["nina"], [])
    assert nina().is_active
    assert timetable.run("look everybody up in the directory")
    assert not nina().is_active
    assert bob.user.is_active, "who never came from the directory stays"
    assert caller.get("-/whoami").status_code == 401
    assert events("user.suspended") == [{"reason": "gone from Acme Directory"}]
    before = rows()
    assert rounds.go() == rounds.Outcome(1, [], [])
    assert rows() == before, "it is written down once"
    company.admin.modify(f"uid=nina,{tool.PEOPLE}", {"employeeType": [("MODIFY_DELETE", ["left"])]})
    assert rounds.go() == rounds.Outcome(1, [], ["nina"])
    assert caller.get("-/whoami").status_code == 200


def test_who_an_operator_suspended_stays_so(client, npm, company):
    enter()
    operator = Actor(credential="operator")
    suspension.suspend(operator, "nina", "a stolen laptop")
    assert rounds.go() == rounds.Outcome(1, [], [])
    enter(client=client)
    assert who(client) == ""
    assert npm_login(npm).status_code == 401
    assert not nina().is_active
    suspension.unsuspend(operator, "nina")
    company.remove("nina")
    rounds.go()
    assert Absence.objects.get().user == nina()
    suspension.suspend(operator, "nina", "and for good")
    assert not Absence.objects.exists()
    company.add("nina")
    rounds.go()
    assert not nina().is_active


def test_too_many_at_once_are_rather_a_mistake(company, capsys):
    for name in ("oskar", "paula", "quinn"):
        company.add(name)
        enter(name)
    enter()
    for name in ("nina", "oskar", "paula", "quinn"):
        company.remove(name)
    before = rows()
    with pytest.raises(Conflict, match="4 of 4 people"):
        rounds.go()
    with pytest.raises(CommandError, match="--everybody"):
        call_command("check_directory")
    assert rows() == before
    call_command("check_directory", "--everybody", "--dry-run")
    assert rows() == before
    call_command("check_directory", "--everybody")
    assert "4 looked up, 4 gone, 0 back" in capsys.readouterr().out
    assert User.objects.filter(is_active=False).count() == 4


def test_the_last_admin_stays(company, caplog):
    enter()
    User.objects.update(is_superuser=True)
    company.remove("nina")
    assert rounds.go() == rounds.Outcome(1, [], [])
    assert nina().is_active
    assert "last admin" in caplog.text


# --- without a directory ----------------------------------------------------------------------------------------------


def test_a_suspension_by_the_company_ends_where_it_began_and_nowhere_else(bob):
    assert absence.begin(bob.user, absence.Source.PROVIDER, "gone " * 100)
    assert not absence.begin(bob.user, absence.Source.DIRECTORY, "gone")
    assert not absence.end(bob.user, absence.Source.DIRECTORY)
    assert not User.objects.get(username="bob").is_active
    assert absence.end(bob.user, absence.Source.PROVIDER)
    assert User.objects.get(username="bob").is_active
    assert not absence.end(bob.user, absence.Source.PROVIDER)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LDAP_URL", "https://ldap.example.com"),
        ("LDAP_URL", "ldap://"),
        ("LDAP_URL", "ldap://host/dc=x"),
        ("LDAP_URL", "ldap://host:port"),
        ("LDAP_USER_FILTER", "uid={name}"),
        ("LDAP_USER_FILTER", "(uid=*)"),
        ("LDAP_USER_FILTER", "((uid={name})"),
    ],
)
def test_wrong_settings_are_refused_in_words(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=name):
        env.directory(name) if name == "LDAP_URL" else env.search_filter(name, "(uid={name})", "{name}")


def test_an_address_with_a_password_in_it_is_refused_and_not_shown(monkeypatch):
    monkeypatch.setenv("LDAP_URL", "ldaps://cn=reader:s3cret@ldap.example.com")
    with pytest.raises(ImproperlyConfigured, match="LDAP_BIND_DN") as refused:
        env.directory("LDAP_URL")
    assert "s3cret" not in str(refused.value)


def test_an_outcome_is_only_told(company):
    assert dataclasses.asdict(rounds.go()) == {"looked_at": 0, "gone": [], "back": []}


# --- what others could do to it ---------------------------------------------------------------------------------


def test_passwords_that_are_kept_here_have_as_many_tries_while_the_directory_is_away(npm, company, settings, bob):
    settings.LDAP_URL = f"ldap://localhost:{ports.free()}"
    answers = [npm_login(npm, "bob", f"wrong {n}").status_code for n in range(8)]
    assert answers == [503] * 5 + [429] * 3
    assert npm_login(npm, "bob", OWN).status_code == 429
    by_mail = [npm_login(npm, "bob@example.com", f"wrong {n}").status_code for n in range(8)]
    assert 429 in by_mail


def test_spellings_with_accents_are_one_name(client, company):
    for name in ("nina", "nína", "NÍNA", "niñá", "ｎｉｎａ"):
        enter(name, "wrong")
    assert enter(client=client).status_code == 429


def test_an_address_that_somebody_only_says_is_theirs_keeps_nobody_out(client, company, alice):
    EmailAddress.objects.create(user=alice.user, email="nina@acme.example", verified=False)
    assert enter(client=client).status_code == 302
    assert who(client) == "nina"
    assert EmailAddress.objects.get(user=nina()).verified


def test_read_only_mode_makes_no_account_and_moves_no_seat(client, npm, mapped):
    enter()
    standstill.begin(operator(), "we move")
    mapped.add("olaf")
    mapped.group("eng", "nina")
    before = rows()
    assert enter("olaf", client=client).status_code == 503
    assert npm_login(npm, "olaf").status_code == 503
    assert rows()[:4] == before[:4]
    assert enter(client=client).status_code == 302
    assert seats() == {"developers"} or not seats()


def test_one_entry_that_cannot_be_read_stops_nobody_elses_round(company, settings, caplog):
    settings.LDAP_NAME_ATTRIBUTE = "displayName"
    for name in ("olaf", "otto"):
        company.add(name, displayName=name)
    for name in ("nina", "olaf", "otto"):
        enter(name)
    company.remove("olaf")
    company.admin.modify(f"uid=otto,{tool.PEOPLE}", {"displayName": [(ldap3.MODIFY_DELETE, [])]})
    assert rounds.go().gone == ["olaf"]
    assert "otto was left out" in caplog.text
    assert User.objects.get(username="otto").is_active
