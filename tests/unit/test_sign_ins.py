"""Signing in with a provider: against a real one on loopback, with the tricks that would open another account."""

from __future__ import annotations

import time
import urllib.request
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.test import Client

from accounts import provider_sign_in, standstill
from accounts.actor import operator
from accounts.models import AuditEvent, Scope, User
from orgs import organizations, teams
from orgs.models import Membership, Seat
from tests.tools.sessions import sign_in
from tests.tools.sign_in_provider import SignInProvider

HTML = {"accept": "text/html"}
NINA = {
    "sub": "1001",
    "preferred_username": "nina",
    "email": "nina@corp.example",
    "email_verified": True,
    "name": "Nina",
}


class _Stays(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args, **_more):
        return None


DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stays())


@pytest.fixture
def provider(settings):
    with SignInProvider() as made:
        settings.OIDC_URL, settings.OIDC_CLIENT_ID = made.url, "registry"
        settings.OIDC_CLIENT_SECRET, settings.OIDC_NAME = "a secret of the tests", "Acme Login"
        settings.EGRESS_ALLOWED_NETWORKS = ["127.0.0.0/8"]
        made.person = dict(NINA)
        yield made


def leave(client: Client, path: str = "/login/oidc", **form: str) -> str:
    """Press the button; gives the address at the provider that the page leads to."""
    page = client.post(path, form, headers=HTML)
    assert page.status_code == 200, page.headers
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]
    return unescape(page.content.decode().partition('content="0;url=')[2].partition('"')[0])


def come_back(client: Client, address: str):
    """Do at the provider what a browser does, and come back."""
    try:
        DIRECT.open(address)
    except urllib.error.HTTPError as redirect:
        back = urlsplit(redirect.headers["Location"])
    assert back.path == "/login/oidc/callback"
    return client.get(f"{back.path}?{back.query}", headers=HTML)


def go(client: Client, **form: str):
    return come_back(client, leave(client, **form))


def who(client: Client) -> str:
    pk = client.session.get("_auth_user_id")
    return User.objects.get(pk=pk).username if pk else ""


def rows() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (User, Scope, SocialAccount, EmailAddress, AuditEvent))


def test_the_first_sign_in_makes_an_account_and_the_next_opens_it(client, db, provider):
    assert b"Sign in with Acme Login" in client.get("/login").content
    assert go(client)["Location"] == "/"
    user = User.objects.get()
    assert (user.username, user.full_name, user.email) == ("nina", "Nina", "nina@corp.example")
    assert not user.has_usable_password()
    assert EmailAddress.objects.get().verified
    assert AuditEvent.objects.get(action="user.created").facts == {"via": "Acme Login"}
    before = rows()
    again = Client()
    provider.person["preferred_username"] = "other"
    assert go(again, next="/settings/tokens")["Location"] == "/settings/tokens"
    assert who(again) == "nina"
    assert rows() == before


def test_d36_a_name_or_an_address_at_the_provider_opens_no_account(client, alice, provider):
    before = rows()
    provider.person |= {"preferred_username": "alice", "email": "alice@example.com"}
    page = go(client)
    assert page.status_code == 409
    assert b"You have an account here" in page.content
    assert who(client) == ""
    assert rows() == before
    provider.person["email_verified"] = False
    go(client)
    assert who(client) == ""
    assert not SocialAccount.objects.exists()


@pytest.mark.parametrize("taken", ["alice", "Admin", "@", ""])
def test_a_name_that_cannot_be_taken_is_chosen(client, alice, provider, taken):
    provider.person["preferred_username"] = taken
    answer = go(client)
    assert answer["Location"] == "/login/oidc/name"
    assert User.objects.count() == 1
    form = client.get("/login/oidc/name")
    assert b"Choose your name" in form.content
    email = {"email": "nina@corp.example"}
    for bad in ("alice", "admin", "-x"):
        assert client.post("/login/oidc/name", {"username": bad} | email).status_code == 200
    assert User.objects.count() == 1
    assert client.post("/login/oidc/name", {"username": "nina-2"} | email).status_code == 302
    assert who(client) == "nina-2"
    assert EmailAddress.objects.get(email="nina@corp.example").verified


@pytest.mark.parametrize(
    ("said", "name"),
    [("Nina", "nina"), ("nina@corp.example", "nina"), ("..nina_b", "nina_b"), ("Ünal", "nal"), ("x" * 90, "x" * 64)],
)
def test_a_name_is_cleaned(said, name):
    assert provider_sign_in.cleaned(said) == name


def test_closed_registration_lets_nobody_new_in(client, db, provider, settings):
    settings.REGISTRATION = "closed"
    before = rows()
    go(client)
    assert who(client) == ""
    assert rows() == before


def test_an_account_is_connected_by_its_person_and_disconnected(client, alice, provider):
    sign_in(client, alice)
    assert b"Not connected" in client.get("/settings/sign-ins").content
    come_back(client, leave(client, "/settings/sign-ins/connect"))
    assert SocialAccount.objects.get().user == alice.user
    assert AuditEvent.objects.filter(action="sign_in.connected", person="alice").count() == 1
    other = Client()
    go(other)
    assert who(other) == "alice"
    pk = SocialAccount.objects.get().pk
    assert client.post(f"/settings/sign-ins/{pk}/disconnect").status_code == 302
    assert not SocialAccount.objects.exists()
    assert AuditEvent.objects.filter(action="sign_in.disconnected").exists()


def test_connecting_asks_for_a_recent_sign_in_and_the_login_never_connects(client, alice, provider):
    sign_in(client, alice, seconds_ago=3600)
    assert client.post("/settings/sign-ins/connect").status_code == 302
    sign_in(client, alice)
    go(client, process="connect")
    assert who(client) == "nina", "a sign-in is a sign-in, whatever the form says"
    assert not SocialAccount.objects.filter(user=alice.user).exists()


def test_what_is_connected_elsewhere_or_is_somebody_elses_stays(client, alice, bob, provider):
    sign_in(client, alice)
    come_back(client, leave(client, "/settings/sign-ins/connect"))
    other = Client()
    sign_in(other, bob)
    before = rows()
    come_back(other, leave(other, "/settings/sign-ins/connect"))
    pk = SocialAccount.objects.get().pk
    assert other.post(f"/settings/sign-ins/{pk}/disconnect", headers=HTML).status_code == 404
    assert SocialAccount.objects.get().user == alice.user
    assert rows() == before


def test_the_only_way_in_is_not_taken_away(client, db, provider):
    go(client)
    pk = SocialAccount.objects.get().pk
    assert client.post(f"/settings/sign-ins/{pk}/disconnect", headers=HTML).status_code == 409
    assert SocialAccount.objects.exists()


def test_d36_a_forged_answer_signs_nobody_in(client, db, provider):
    address = leave(client)
    state = parse_qs(urlsplit(address).query)["state"][0]
    before = rows()
    for query in ("", "code=x", f"code=x&state={state}x", "error=access_denied&state=x"):
        assert client.get(f"/login/oidc/callback?{query}", headers=HTML).status_code == 409
    stranger = Client()
    come_back(stranger, address)  # a link that somebody else began
    assert who(stranger) == ""
    assert rows() == before


def test_a_code_is_good_once_and_only_with_its_verifier(client, db, provider):
    address = leave(client)
    assert "code_challenge" in address
    come_back(client, address)
    client.logout()
    before = rows()
    come_back(client, address)
    assert who(client) == ""
    assert rows() == before


@pytest.mark.parametrize(
    "more", [{"aud": "another"}, {"iss": "https://evil.example"}, {"exp": 1}, {"sub": None}, {"iat": None, "aud": None}]
)
def test_an_identity_that_is_not_for_us_signs_nobody_in(client, db, provider, more):
    provider.token_more = more
    before = rows()
    assert go(client).status_code == 409
    assert rows() == before


def test_two_answers_about_different_people_sign_nobody_in(client, db, provider):
    provider.lies = {"sub": "1"}
    before = rows()
    assert go(client).status_code == 409
    assert rows() == before


def test_the_same_subject_of_another_issuer_is_another_person(client, db, provider, settings):
    go(client)
    with SignInProvider() as other:
        settings.OIDC_URL = other.url
        other.person = NINA | {"preferred_username": "mallory", "email": "m@evil.example"}
        second = Client()
        go(second)
        assert who(second) == "mallory"


def test_stopping_at_the_provider_says_so(client, db, provider):
    provider.person = None
    page = go(client)
    assert page.status_code == 409
    assert b"You stopped at Acme Login" in page.content


@pytest.mark.parametrize("next_", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_e17_it_leads_to_pages_of_ours_only(client, db, provider, next_):
    assert go(client, next=next_)["Location"] == "/"


def test_a_provider_that_is_away_or_inside_is_an_error_in_words(client, db, provider, settings):
    settings.EGRESS_ALLOWED_NETWORKS = []
    page = client.post("/login/oidc", headers=HTML)
    assert page.status_code == 503
    assert b"Acme Login does not answer" in page.content
    assert not provider.asked


def test_without_a_provider_there_is_nothing(client, alice):
    assert b"login/oidc" not in client.get("/login").content
    assert client.post("/login/oidc", headers=HTML).status_code == 404
    assert client.get("/login/oidc/callback", headers=HTML).status_code == 404
    sign_in(client, alice)
    assert client.get("/settings/sign-ins").status_code == 200
    assert client.post("/settings/sign-ins/connect", headers=HTML).status_code == 404


def test_who_has_no_password_shows_the_provider_again_who_they_are(client, db, provider):
    provider.token_more = {"auth_time": int(time.time()) - 3600}  # it remembers people
    go(client)
    step = client.post("/settings/tokens", {"name": "x"})
    assert step["Location"].startswith("/reauthenticate/oidc?next=")
    assert b"Go to Acme Login" in client.get(step["Location"]).content
    address = leave(client, next="/settings/tokens", again="yes")
    assert parse_qs(urlsplit(address).query)["prompt"] == ["login"]
    provider.token_more = {}
    assert come_back(client, address)["Location"] == "/settings/tokens"
    sent = {"name": "build", "access": "read-only", "days": "3"}
    assert b"Your new token" in client.post("/settings/tokens", sent).content


@pytest.fixture
def mapped(settings, acme, alice):
    settings.OIDC_GROUP_TEAMS = {"eng": [("acme", "core")], "ops": [("acme", "readers"), ("ghost", "x")]}
    return acme


def seats(name: str = "nina") -> set[str]:
    return set(Seat.objects.filter(membership__user__username=name).values_list("team__name", flat=True))


def test_groups_are_seats_in_the_mapped_teams_only(client, provider, mapped, alice):
    provider.person["groups"] = ["eng", "unknown", 7]
    go(client)
    assert seats() == {"developers", "core"}
    event = AuditEvent.objects.get(action="team.joined", person="nina")
    assert (event.org, event.facts) == ("acme", {"team": "core", "by": "group"})
    teams.create(alice, "acme", "other")
    teams.add(alice, "acme", "other", "nina")
    provider.person["groups"] = ["ops"]
    go(Client())
    assert seats() == {"developers", "readers", "other"}
    del provider.person["groups"]
    go(Client())
    assert seats() == {"developers", "other"}
    assert Membership.objects.filter(user__username="nina").exists()


def test_groups_are_roles_in_the_mapped_orgs_only(client, provider, settings, acme):
    settings.OIDC_GROUP_ROLES = {"leads": [("acme", "admin"), ("ghost", "owner")]}
    provider.person["groups"] = ["leads"]
    go(client)
    assert organizations.of(User.objects.get(username="nina")).get().role == "admin"
    provider.person["groups"] = []
    go(Client())
    assert organizations.of(User.objects.get(username="nina")).get().role == "developer"


def test_somebody_who_signs_in_with_a_password_keeps_their_seats(client, provider, mapped, bob):
    sign_in(client, bob)
    assert seats("bob") == {"core"}
    client.logout()
    client.post("/login", {"login": "bob", "password": "correct horse battery"})
    assert seats("bob") == {"core"}


def test_an_org_that_says_no_such_team_breaks_nothing(client, provider, settings, acme):
    settings.OIDC_GROUP_TEAMS = {"eng": [("nowhere", "core")]}
    provider.person["groups"] = ["eng"]
    go(client)
    assert who(client) == "nina"
    assert not organizations.of(User.objects.get(username="nina")).exists()


@pytest.mark.parametrize("hint", [{"_claim_names": {"groups": "src1"}}, {"hasgroups": True}])
def test_groups_that_are_too_many_to_tell_take_nothing_away(client, provider, settings, mapped, hint):
    provider.person["groups"] = ["eng"]
    go(client)
    held = seats()
    del provider.person["groups"]
    provider.person |= hint
    go(Client())
    assert seats() == held
    settings.OIDC_REQUIRED_GROUP = "eng"
    page = go(Client())
    assert page.status_code == 409
    assert User.objects.get(username="nina").is_active, "nobody said that they are gone"


def test_read_only_mode_makes_no_account_and_moves_no_seat(client, provider, mapped):
    go(client)
    held = seats()
    standstill.begin(operator(), "we move")
    provider.person["groups"] = ["eng"]
    go(Client())
    assert seats() == held
    provider.person = NINA | {"sub": "1002", "preferred_username": "olaf", "email": "olaf@corp.example"}
    before = rows()
    go(Client())
    assert rows() == before


def test_an_address_that_somebody_only_says_is_theirs_keeps_nobody_out(client, alice, provider):
    EmailAddress.objects.create(user=alice.user, email="nina@corp.example", verified=False)
    User.objects.filter(pk=alice.user.pk).update(email="nina@corp.example")
    go(client)
    assert who(client) == "nina"
    assert EmailAddress.objects.get(email="nina@corp.example").user.username == "nina"
    assert User.objects.get(pk=alice.user.pk).email == ""
    assert AuditEvent.objects.filter(action="email.removed", person="alice").exists()


@pytest.mark.parametrize("name", ["alice", "nina"], ids=["who stops at the form", "to whom nothing is open"])
def test_an_address_stays_where_it_is_until_there_is_an_account(client, alice, provider, settings, name):
    EmailAddress.objects.create(user=alice.user, email="nina@corp.example", verified=False)
    settings.REGISTRATION = "closed" if name == "nina" else "open"
    provider.person["preferred_username"] = name
    before = rows(), list(EmailAddress.objects.values())
    go(client)
    assert who(client) == ""
    assert (rows(), list(EmailAddress.objects.values())) == before
    if name == "alice":
        client.post("/login/oidc/name", {"username": "nina-2", "email": "nina@corp.example"})
        assert who(client) == "nina-2"
        address = EmailAddress.objects.get(email="nina@corp.example")
        assert (address.user.username, address.verified) == ("nina-2", True)
