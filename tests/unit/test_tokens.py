"""Bearer tokens: their shape, their end, their limits."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import bearer, tokens
from accounts.actor import Actor, Power
from accounts.models import AuditEvent, Token
from packages import access
from packages.access import Action
from registry_site.errors import BadCredential, Invalid, NotAllowed, NotFound
from tests.conftest import login_token
from tests.tools import payloads
from tests.tools.registry_client import without_reference
from tests.tools.sessions import sign_in

BODY = "npm_" + "aB3" * 14
GOOD = BODY + bearer._checksum(BODY)
DIGITS = bearer._ALPHABET


def granular(actor: Actor, **limits) -> tuple[Actor, str]:
    """The person through a granular token of theirs, and the secret."""
    token, secret = tokens.issue(actor, actor.user, kind=Token.Kind.GRANULAR, **limits)
    return Actor(actor.user, token, credential=token.prefix), secret


def replaced(secret: str, index: int) -> str:
    return secret[:index] + DIGITS[(DIGITS.index(secret[index]) + 1) % len(DIGITS)] + secret[index + 1 :]


def test_a_token_has_the_prefix_that_npm_hides_in_its_logs_and_a_checksum():
    assert bearer.SHAPE.fullmatch(GOOD)
    assert GOOD.startswith("npm_")
    assert len(GOOD) == 4 + 42 + 6
    assert GOOD.isascii()
    assert bearer.is_well_formed(GOOD)
    assert len({bearer.make() for _ in range(50)}) == 50


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "npm_",
        GOOD[:-1],
        GOOD + "0",
        GOOD + "\n",
        " " + GOOD,
        GOOD.replace("npm_", "npx_"),
        GOOD[4:],
        replaced(GOOD, -1),
        replaced(GOOD, 10),
        GOOD[:20] + "ä" + GOOD[21:],
        GOOD[:20] + "\N{ARABIC-INDIC DIGIT ONE}" + GOOD[21:],
        "x" * 20_000,
    ],
)
def test_d2_a_token_that_cannot_be_ours_never_reaches_the_database(db, django_assert_num_queries, secret):
    with django_assert_num_queries(0), pytest.raises(BadCredential) as refusal:
        tokens.recognise(secret, "127.0.0.1")
    assert "not known here" in refusal.value.message


def test_d2_all_bearers_that_are_no_live_token_get_the_same_401(npm, db):
    answers = [
        npm.as_(each).get("-/whoami") for each in (GOOD, replaced(GOOD, -1), GOOD[:-1], "npm_x", "other_" + GOOD[6:])
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({without_reference(answer) for answer in answers}) == 1


@pytest.mark.parametrize(
    "header", ["Basic dTpw", "Bearer", "Bearer ", "Token " + GOOD, GOOD, "bearer x,Bearer y", "x" * 20_000]
)
def test_d1_a_header_that_is_no_bearer_is_401_and_asks_no_database(npm, db, django_assert_num_queries, header):
    with django_assert_num_queries(0):
        answer = npm.get("-/whoami", authorization=header)
    assert answer.status_code == 401


def test_d1_a_token_counts_in_the_authorization_header_only(npm, client, bob):
    secret = login_token(bob)
    assert npm.get("-/whoami", authorization=f"bearer {secret}").json() == {"username": "bob"}  # the scheme has no case
    assert npm.get(f"-/whoami?token={secret}&access_token={secret}").status_code == 401
    client.cookies["token"] = secret
    assert npm.get("-/whoami").status_code == 401
    assert npm.get("-/whoami", authorization=f"Basic {secret}").status_code == 401


def test_a_browser_session_is_nobody_at_the_registry(npm, client, bob):
    client.force_login(bob.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert npm.get("-/whoami").status_code == 401


def test_only_the_hash_of_a_token_is_kept(bob):
    token, secret = tokens.issue(bob, bob.user, kind=Token.Kind.LOGIN)
    kept = " ".join(str(value) for value in Token.objects.filter(pk=token.pk).values().get().values())
    assert secret not in kept
    assert secret[len(token.prefix) :] not in kept
    assert token.prefix == secret[:8]


def test_a_login_token_lives_from_its_last_use(bob, settings, time_machine):
    settings.LOGIN_TOKEN_DAYS = 30
    start = timezone.now()
    secret = login_token(bob)
    for days in (29, 58, 87):
        time_machine.move_to(start + timedelta(days=days))
        assert tokens.recognise(secret, None).user == bob.user
    time_machine.move_to(start + timedelta(days=87 + 31))
    with pytest.raises(BadCredential, match="expired on"):
        tokens.recognise(secret, None)
    assert tokens.live(bob.user) == []


def test_a_granular_token_ends_at_its_date_whether_it_is_used_or_not(bob, time_machine):
    start = timezone.now()
    _, secret = granular(bob, days=10)
    time_machine.move_to(start + timedelta(days=9))
    assert tokens.recognise(secret, None)
    time_machine.move_to(start + timedelta(days=10, seconds=5))
    with pytest.raises(BadCredential, match="expired on"):
        tokens.recognise(secret, None)


def test_a_granular_token_lives_thirty_days_unless_told_otherwise(bob, settings):
    lives = granular(bob)[0].token.expires_at - timezone.now()
    assert timedelta(days=29, hours=23) < lives <= timedelta(days=30)
    settings.TOKEN_MAX_DAYS = 7
    assert granular(bob)[0].token.expires_at - timezone.now() <= timedelta(days=7)


@pytest.mark.parametrize("days", [0, -1, 366, 10**9])
def test_a_lifetime_outside_the_limits_makes_no_token(bob, days):
    events = AuditEvent.objects.count()
    with pytest.raises(Invalid, match="1 to 365 days"):
        granular(bob, days=days)
    assert not Token.objects.exists()
    assert AuditEvent.objects.count() == events


def test_a_revoked_token_fails_on_the_next_request(npm, bob):
    secret = login_token(bob)
    assert npm.as_(secret).get("-/whoami").status_code == 200
    assert npm.as_(secret).delete(f"-/user/token/{secret}").json() == {"ok": True}
    refused = npm.as_(secret).get("-/whoami")
    assert refused.status_code == 401
    assert "was revoked on" in refused.json()["error"]
    assert npm.as_(secret).get("-/ping").status_code == 200, "ping looks at no credential"
    assert npm.as_(secret).get("anything").status_code == 401, "on public data, too"


def test_revoking_is_recorded_once_and_names_no_secret(bob):
    token, secret = tokens.issue(bob, bob.user, kind=Token.Kind.LOGIN)
    tokens.revoke(bob, bob.user, str(token.key))
    with pytest.raises(NotFound):
        tokens.revoke(bob, bob.user, str(token.key))
    events = AuditEvent.objects.filter(action="token.revoked")
    assert [event.facts for event in events] == [{"token": token.prefix}]
    assert secret not in str(list(AuditEvent.objects.values()))


@pytest.mark.parametrize(
    "name_it", [lambda token, secret: str(token.key), lambda token, secret: secret, lambda token, secret: str(token.pk)]
)
def test_c25_nobody_revokes_a_token_of_somebody_else(bob, dave, name_it):
    token, secret = tokens.issue(bob, bob.user, kind=Token.Kind.LOGIN)
    events = AuditEvent.objects.count()
    with pytest.raises(NotFound):
        tokens.revoke(dave, dave.user, name_it(token, secret))
    assert tokens.recognise(secret, None)
    assert AuditEvent.objects.count() == events


def test_d6_a_suspended_person_is_refused_at_the_next_request(npm, bob):
    secret = login_token(bob)
    assert npm.as_(secret).get("-/whoami").status_code == 200
    bob.user.is_active = False
    bob.user.save()
    refused = npm.as_(secret).get("-/whoami")
    assert refused.status_code == 401
    assert "suspended" in refused.json()["error"]


CIDR = [
    (["10.0.0.0/8"], "10.1.2.3", True),
    (["10.0.0.0/8"], "11.1.2.3", False),
    (["10.0.0.0/8", "192.0.2.7"], "192.0.2.7", True),
    (["10.0.0.0/8"], "::ffff:10.1.2.3", True),
    (["10.0.0.0/8"], "2001:db8::1", False),
    (["2001:db8::/32"], "2001:db8::1", True),
    (["10.0.0.0/8"], "nonsense", False),
]


@pytest.mark.parametrize(("blocks", "address", "fits"), CIDR)
def test_d8_a_token_bound_to_addresses_is_refused_from_others(client, bob, blocks, address, fits):
    _, secret = granular(bob, cidr=blocks)
    answer = client.get("/npm/-/whoami", headers={"authorization": f"Bearer {secret}"}, REMOTE_ADDR=address)
    assert answer.status_code == (200 if fits else 401)
    if not fits:
        assert answer["WWW-Authenticate"] == "ipaddress"
        assert answer.json()["code"] == "ipaddress"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "fits"),
    [
        (0, "10.0.0.1", False),  # nobody in front of us may say where a client is
        (1, "10.0.0.1", True),
        (1, "10.0.0.1, 192.0.2.1", False),  # what a client claims stands left of what our proxy adds
        (2, "10.0.0.1, 192.0.2.1", True),
        (2, "10.0.0.1", False),  # shorter than our proxies make it: believe the connection
    ],
)
def test_d8_a_forwarded_address_counts_at_the_depth_of_our_own_proxies(client, bob, settings, proxies, forwarded, fits):
    settings.TRUSTED_PROXY_COUNT = proxies
    _, secret = granular(bob, cidr=["10.0.0.0/8"])
    sent = {"authorization": f"Bearer {secret}", "x-forwarded-for": forwarded}
    answer = client.get("/npm/-/whoami", headers=sent, REMOTE_ADDR="127.0.0.1")
    assert answer.status_code == (200 if fits else 401)


@pytest.mark.parametrize("block", ["10.0.0.0/33", "x", "", "10.0.0.0-10.0.0.9"])
def test_an_address_range_that_is_none_makes_no_token(bob, block):
    with pytest.raises(Invalid, match="address range"):
        granular(bob, cidr=[block])
    assert not Token.objects.exists()


LIMITS = [  # limits, package, whether it speaks for its person there
    ({}, "@a/x", True),
    ({"packages": ["@a/x"]}, "@a/x", True),
    ({"packages": ["@a/x"]}, "@a/xy", False),
    ({"packages": ["@a/x"]}, "@a/X", False),
    ({"packages": ["@a/x"]}, "x", False),
    ({"packages": ["x"]}, "@a/x", False),
    ({"scopes": ["a"]}, "@a/x", True),
    ({"scopes": ["a"]}, "@ab/x", False),
    ({"scopes": ["a"]}, "a", False),
    ({"scopes": ["ab"]}, "@a/b", False),
    ({"scopes": ["a"], "packages": ["loose"]}, "loose", True),
]


@pytest.mark.parametrize(("limits", "package", "covered"), LIMITS)
def test_limits_match_whole_names_only(bob, limits, package, covered):
    actor, _ = granular(bob, **limits)
    assert actor.covers(package) is covered
    if covered:
        actor.require(Power.WRITE, package=package)
    else:
        with pytest.raises(NotAllowed, match="limited to other packages"):
            actor.require(Power.WRITE, package=package)


def test_a_limited_token_sees_no_private_package_outside_its_limits(publish, uma):
    for name in ("@uma/x", "@uma/xy"):
        publish(uma, name)
    actor, _ = granular(uma, packages=["@uma/x"])
    assert [each.name for each in access.visible_to(actor)] == ["@uma/x"]
    with pytest.raises(NotFound):
        access.find(actor, Action.VIEW, "@uma/xy")


def test_c24_a_limit_never_widens_what_the_person_may(publish, uma, dave):
    publish(uma, "@uma/x")
    actor, _ = granular(dave, packages=["@uma/x"], scopes=["uma"])
    assert not access.visible_to(actor).exists()


def test_a_read_only_token_publishes_nothing(npm, uma, blob_files):
    from packages.models import Package

    _, secret = granular(uma, permission="read-only")
    events = AuditEvent.objects.count()
    refused = npm.as_(secret).put("@uma%2fx", payloads.publish_body("@uma/x", "1.0.0"))
    assert refused.status_code == 403
    assert "read-only" in refused.json()["error"]
    assert not Package.objects.exists()
    assert not blob_files()
    assert AuditEvent.objects.count() == events


def test_a_granular_token_publishes_and_does_not_govern(bob):
    actor, _ = granular(bob)
    assert actor.require_person(Power.WRITE) == bob.user
    with pytest.raises(NotAllowed, match="publishes and installs only"):
        actor.require(Power.GOVERN)


def test_a_use_is_written_down_now_and_then_not_each_time(bob, django_assert_num_queries, time_machine):
    start = timezone.now()
    token, secret = tokens.issue(bob, bob.user, kind=Token.Kind.LOGIN)
    tokens.recognise(secret, "192.0.2.1", "npm/12 node")
    token.refresh_from_db()
    assert (token.last_used_from, token.last_used_by) == ("192.0.2.1", "npm/12 node")
    with django_assert_num_queries(1):
        tokens.recognise(secret, "192.0.2.2")
    time_machine.move_to(start + tokens.USE_INTERVAL + timedelta(seconds=5))
    tokens.recognise(secret, "192.0.2.2")
    token.refresh_from_db()
    assert token.last_used_from == "192.0.2.2"


def test_the_token_page_shows_a_secret_once_and_nobody_elses_tokens(client, bob, dave):
    tokens.issue(dave, dave.user, kind=Token.Kind.GRANULAR, name="of dave")
    sign_in(client, bob)
    made = client.post(
        "/settings/tokens", {"name": "build", "access": "read-write", "limits": "@acme/ledger @Team", "days": "5"}
    )
    token = Token.objects.get(user=bob.user)
    secret = bearer.SHAPE.search(made.content.decode()).group()
    assert tokens.recognise(secret, None) == token
    assert (token.packages, token.scopes, token.kind) == (["@acme/ledger"], ["team"], "granular")
    again = client.get("/settings/tokens").content.decode()
    assert "build" in again
    assert not bearer.SHAPE.search(again)
    assert "of dave" not in again


def test_c25_a_foreign_token_key_is_404_on_its_page(client, bob, dave):
    token, secret = tokens.issue(dave, dave.user, kind=Token.Kind.LOGIN)
    sign_in(client, bob)
    foreign = client.post(f"/settings/tokens/{token.key}/revoke", headers={"accept": "text/html"})
    missing = client.post(
        "/settings/tokens/00000000-0000-4000-8000-000000000000/revoke", headers={"accept": "text/html"}
    )
    assert foreign.status_code == missing.status_code == 404
    assert tokens.recognise(secret, None)
