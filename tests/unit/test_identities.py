"""Identity tokens: which are believed, and where keys come from. The issuer is the tests' own."""

from __future__ import annotations

import base64
import json
import time

import jwt
import pytest
from django.core.cache import cache

from packages import identities
from packages.identities import Doubt, NoKeys
from packages.models import Issuer, TrustedPublisher
from tests.tools.issuer import TestIssuer

AUDIENCES = frozenset({"npm:testserver"})


@pytest.fixture
def issuer(db, settings):
    """A provider that an operator registered."""
    settings.EGRESS_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    cache.clear()
    with TestIssuer() as running:
        Issuer.objects.create(name="ours", title="Our CI", url=running.url, claims="github")
        yield running


def refused(token: str, match: str, audiences: frozenset[str] = AUDIENCES) -> Doubt:
    with pytest.raises(Doubt, match=match) as caught:
        identities.verify(token, audiences)
    return caught.value


def test_a_good_token_is_believed_and_its_claims_come_along(issuer):
    found = identities.verify(issuer.token(jti="a"), AUDIENCES)
    assert (found.provider.name, found.provider.title, found.token_id) == ("ours", "Our CI", "a")
    assert found.claims["repository"] == "acme/ledger"


def test_both_algorithms_and_no_other(issuer):
    issuer.new_key("curve", curve=True)
    assert identities.verify(issuer.token(kid="curve"), AUDIENCES)
    for algorithm in ("RS384", "RS512", "PS256"):
        refused(issuer.token(algorithm=algorithm), "RS256 or ES256")


def test_an_unsigned_token_or_one_signed_with_the_public_key_as_a_secret_is_refused(issuer):
    refused(jwt.encode(issuer.claims(), None, "none", {"kid": "one"}), "RS256 or ES256")
    refused(jwt.encode(issuer.claims(), "a secret of thirty-two characters", "HS256", {"kid": "one"}), "RS256 or ES256")
    head, body, _ = issuer.token().split(".")
    refused(f"{head}.{body}.", "signature")


def test_a_token_changed_after_it_was_signed_is_refused(issuer):
    head, _, signature = issuer.token().split(".")
    claims = base64.urlsafe_b64encode(json.dumps(issuer.claims(repository="evil/ledger")).encode()).rstrip(b"=")
    doubt = refused(f"{head}.{claims.decode()}.{signature}", "signature")
    assert not doubt.is_signed


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c", "npm_" + "a" * 48, "e30.e30.e30", "W10.W10.", "x" * 20_000])
def test_what_is_no_identity_token_is_refused(issuer, token):
    refused(token, "send the identity token|RS256")
    assert not issuer.asked


def test_keys_named_by_the_token_itself_are_never_used(issuer):
    with TestIssuer() as evil:
        for headers in ({"jku": f"{evil.url}/keys"}, {"x5u": f"{evil.url}/keys"}):
            refused(evil.token(iss=issuer.url, headers=headers), "signature")
        refused(evil.token(iss=issuer.url, headers={"crit": ["exp"], "exp": 1}), "RS256 or ES256|send the identity")
        assert not evil.asked


def test_an_issuer_nobody_registered_is_refused_and_never_asked(issuer):
    with TestIssuer() as stranger:
        doubt = refused(stranger.token(), "does not know the issuer")
        assert (doubt.claim, doubt.got) == ("iss", stranger.url)
        assert not stranger.asked
    for other in (f"{issuer.url}/", issuer.url.upper(), f"{issuer.url}.evil", ["x"], None, 5):
        claims = {"iss": other} if other is None or isinstance(other, str) else {}
        if claims:
            refused(issuer.token(**claims), "does not know the issuer")


@pytest.mark.parametrize(
    "audience", ["npm:other", "testserver", "npm:testserver.evil", "", None, ["npm:testserver", "x"]]
)
def test_the_audience_is_this_registry_and_nobody_else(issuer, audience):
    doubt = refused(issuer.token(aud=audience), "audience")
    assert doubt.claim == "aud"
    assert identities.verify(issuer.token(aud=["npm:testserver"]), AUDIENCES)


def test_d32_times_are_checked_with_one_leeway(issuer):
    now, leeway = int(time.time()), int(identities.LEEWAY.total_seconds())
    assert identities.verify(issuer.token(exp=now - leeway + 10, iat=now - 300), AUDIENCES)
    assert identities.verify(issuer.token(iat=now + leeway - 10, nbf=now + leeway - 10), AUDIENCES)
    refused(issuer.token(exp=now - leeway - 5, iat=now - 600), "expired")
    refused(issuer.token(iat=now + leeway + 10), "future")
    refused(issuer.token(nbf=now + leeway + 10), "future")
    refused(issuer.token(exp=now + 3 * 86400), "more than a day")


@pytest.mark.parametrize("claim", ["exp", "iat"])
@pytest.mark.parametrize("value", [None, "soon", True, -1, 10**18, [1]])
def test_a_time_that_is_none_is_refused(issuer, claim, value):
    if claim == "exp" and value == "soon":
        key = issuer.keys["one"]
        token = jwt.api_jws.encode(json.dumps(issuer.claims() | {claim: value}).encode(), key, "RS256", {"kid": "one"})
    else:
        token = jwt.api_jws.encode(
            json.dumps({k: v for k, v in (issuer.claims() | {claim: value}).items() if v is not None}).encode(),
            issuer.keys["one"], "RS256", {"kid": "one"},
        )  # fmt: skip
    refused(token, f"no usable {claim}")


@pytest.mark.parametrize("value", [None, "", "a\0b", "x" * 300])
def test_a_token_without_an_id_of_its_own_is_refused(issuer, value):
    assert refused(issuer.token(jti=value), "jti").claim == "jti"


def test_keys_are_fetched_once_and_again_for_an_unknown_key_but_not_at_will(issuer):
    for _ in range(3):
        identities.verify(issuer.token(), AUDIENCES)
    assert issuer.asked["/keys"] == 1
    issuer.new_key("two")
    assert identities.verify(issuer.token(kid="two"), AUDIENCES)
    assert issuer.asked["/keys"] == 2
    issuer.new_key("three")
    for _ in range(3):
        refused(issuer.token(kid="three"), "a key its issuer does not have")
    assert issuer.asked["/keys"] == 2


def test_an_issuer_that_does_not_answer_is_no_reason_to_believe_and_is_left_alone_for_a_while(issuer):
    issuer.status = 500
    for _ in range(3):
        with pytest.raises(NoKeys):
            identities.verify(issuer.token(), AUDIENCES)
    assert sum(issuer.asked.values()) == 1


@pytest.mark.parametrize(
    "discovery",
    [
        {"issuer": "https://token.actions.githubusercontent.com"},
        {"jwks_uri": None},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "http://169.254.169.254/keys"},
        {"jwks_uri": "http://10.0.0.1/keys"},
    ],
)
def test_f1_a_discovery_document_cannot_lead_elsewhere(issuer, discovery):
    issuer.discovery = discovery
    with pytest.raises(NoKeys):
        identities.verify(issuer.token(), AUDIENCES)
    assert "/keys" not in issuer.asked


def test_a_weak_key_is_none(issuer):
    issuer.new_key("weak", bits=1024)
    refused(issuer.token(kid="weak"), "a key its issuer does not have")


def test_an_org_of_circleci_is_asked_for_keys_only_when_somebody_here_named_it(issuer):
    org = "11111111-2222-3333-4444-555555555555"
    token = issuer.token(iss=f"https://oidc.circleci.com/org/{org}")
    refused(token, "does not know the issuer")
    TrustedPublisher.objects.create(key=org, name="@a/b", kind="circleci", claims={"oidc.circleci.com/org-id": org})
    with pytest.raises(NoKeys):  # this machine reaches no CircleCI
        identities.verify(token, AUDIENCES)


def test_an_operators_own_issuer_stands_for_the_built_in_one_of_its_name(issuer):
    Issuer.objects.filter(name="ours").update(name="github")
    assert identities.verify(issuer.token(), AUDIENCES).provider.name == "github"
    refused(issuer.token(iss="https://token.actions.githubusercontent.com"), "does not know the issuer")
