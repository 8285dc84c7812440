"""Identity tokens of build servers: whose they are, and whether they are believed.

Three providers are built in; operators register others, or one of their own under a built-in name.
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.core.cache import cache  # shared by all workers; forgets by itself
from django.db import transaction
from django.db.models import Q

from accounts import audit
from accounts.actor import Actor
from packages.models import Issuer, TrustedPublisher
from registry_site import egress, strictjson
from registry_site.errors import Conflict, Invalid, Refusal

LEEWAY = timedelta(seconds=60)  # how far clocks may differ, for every check of a time
LONGEST_LIFE = timedelta(days=1)
ALGORITHMS = {"RS256": rsa.RSAPublicKey, "ES256": ec.EllipticCurvePublicKey}
MAX_TOKEN = 16 * 1024
MAX_KEY_SET = 1 << 20
MAX_KEYS = 100
LEAST_RSA_BITS = 2048
KEYS_SECONDS = 60 * 60  # how long a key set is believed without asking again
ASK_AGAIN_SECONDS = 5 * 60  # how often at most an unknown key leads to a question
FAILED_SECONDS = 60  # how long a provider that did not answer is left alone
MAX_TOKEN_ID = 200
CIRCLE_URL = "https://oidc.circleci.com/org/"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)


@dataclass(frozen=True)
class Provider:
    """Who issues identity tokens. name: the type in `npm trust`; flavour: whose claims they carry."""

    name: str
    title: str
    url: str
    flavour: str


GITHUB = Provider("github", "GitHub Actions", "https://token.actions.githubusercontent.com", "github")
GITLAB = Provider("gitlab", "GitLab CI/CD", "https://gitlab.com", "gitlab")
CIRCLECI = Provider("circleci", "CircleCI", CIRCLE_URL, "circleci")  # followed by the id of the org
BUILT_IN = {each.name: each for each in (GITHUB, GITLAB, CIRCLECI)}


@dataclass(frozen=True)
class Identity:
    """A verified identity. claims: signed by its provider. token_id: what tells this token from every other."""

    provider: Provider
    claims: dict[str, Any]
    token_id: str
    expires_at: datetime


class Doubt(Refusal):
    """Why an identity is not believed, for its holder; the differing claim is for the package's owners.

    is_signed: whether the claims were signed by a known provider; before that they could be anybody's invention.
    """

    code = "untrusted_identity"

    def __init__(
        self, message: str, claim: str = "", expected: str = "", got: str = "", *, issuer: str = "", is_signed=False
    ) -> None:
        super().__init__(message)
        self.claim, self.expected, self.got = claim, expected, got
        self.issuer, self.is_signed = issuer, is_signed


class NoKeys(Doubt):
    """The provider's keys could not be had; later they may."""


def providers() -> dict[str, Provider]:
    """Every provider that is believed here, by name; an operator's own stands for a built-in one of its name."""
    own = {row.name: Provider(row.name, row.title, row.url, row.claims) for row in Issuer.objects.all()}
    return BUILT_IN | own


def register(actor: Actor, name: str, title: str, url: str, flavour: str) -> Issuer:
    """Believe another provider's identity tokens.

    name: the type in `npm trust`; that of a built-in provider puts this one in its place. title: who publishes, as
    pages say it. url: the exact `iss` of its tokens. flavour: github, gitlab, circleci or any.
    Raises Invalid, Conflict. Source: `manage.py add_issuer`; the admin site makes the same checks.
    """
    require_usable(name, url, flavour)
    with transaction.atomic():
        if Issuer.objects.filter(Q(name=name) | Q(url=url)).exists():
            raise Conflict(f"an issuer with the name {name} or this address is registered already")
        issuer = Issuer.objects.create(name=name, title=title or name, url=url, claims=flavour)
        audit.record(actor, "issuer.added", issuer=name, url=url)
    return issuer


def require_usable(name: str, url: str, flavour: str) -> None:
    """Raises Invalid for an issuer that could not work, Conflict for a built-in name that packages trust already."""
    if not _NAME.fullmatch(name):
        raise Invalid("the name of an issuer has at most 40 small letters, digits and dashes")
    if flavour not in (row[0] for row in Issuer._meta.get_field("claims").choices or ()):
        raise Invalid("claims are those of github, gitlab or circleci, or any")
    try:
        egress.parse(url)
    except egress.EgressError as error:
        raise Invalid(error.message) from error
    if "?" in url or "#" in url or url.startswith(CIRCLE_URL) or url in (each.url for each in BUILT_IN.values()):
        raise Invalid("this address is none of an issuer, or it is built in already")
    if name in BUILT_IN and flavour != BUILT_IN[name].flavour:
        raise Invalid(f"{name} is built in; an issuer of this name carries the same claims")
    if is_in_use(name):
        raise Conflict(f"packages trust workflows of {name} already; another issuer would take them over")


def is_in_use(name: str) -> bool:
    """Whether some package trusts a workflow of this provider."""
    return TrustedPublisher.objects.filter(kind=name).exists()


def verify(token: str, audiences: frozenset[str]) -> Identity:
    """Who an identity token speaks for.

    audiences: what its `aud` may be. Raises Doubt, or NoKeys when the provider's keys could not be fetched.
    Nothing is fetched for an issuer nobody registered. Never call it inside a transaction.
    """
    header, claims = _unverified(token)
    algorithm, issuer = header.get("alg"), claims.get("iss")
    if algorithm not in ALGORITHMS or "crit" in header or not isinstance(header.get("kid"), str):
        raise Doubt("an identity token is signed with RS256 or ES256, and names its key")
    provider = _provider_of(issuer)
    if provider is None or not isinstance(issuer, str):
        shown = issuer[:300] if isinstance(issuer, str) else ""
        raise Doubt("this registry does not know the issuer of the identity token", "iss", "a known issuer", shown)
    key = _key(issuer, header["kid"], algorithm)
    if key is None:
        raise Doubt("the identity token is signed with a key its issuer does not have", "kid", issuer=issuer)
    options = {"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_jti": False}
    try:
        claims = jwt.decode(token, key, algorithms=[algorithm], options=options | {"verify_sub": False})
    except jwt.InvalidTokenError:
        raise Doubt("the signature of the identity token is not its issuer's", issuer=issuer) from None
    if claims.get("iss") != issuer:
        raise Doubt("the identity token is not readable", issuer=issuer)
    expires_at = _check_times(claims, issuer)
    _check_audience(claims, audiences, issuer)
    return Identity(provider, claims, _token_id(token, claims, provider, issuer), expires_at)


def _unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    unreadable = Doubt("send the identity token of a workflow, as its build server gives it")
    if not token.isascii() or len(token) > MAX_TOKEN:
        raise unreadable
    try:
        parsed = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        raise unreadable from None
    header, claims = parsed["header"], parsed["payload"]
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise unreadable
    return header, claims


def _provider_of(issuer: Any) -> Provider | None:
    if not isinstance(issuer, str):
        return None
    known = providers()
    found = next((each for each in known.values() if each.url == issuer and each is not CIRCLECI), None)
    org = issuer.removeprefix(CIRCLE_URL)
    if found is None and org != issuer and known["circleci"] is CIRCLECI:
        # Anybody can have an org there: keys are fetched only of those that somebody here named.
        named = TrustedPublisher.objects.filter(kind="circleci").values_list("claims", flat=True)
        return CIRCLECI if any(claims.get("oidc.circleci.com/org-id") == org for claims in named) else None
    return found


# --- claims ------------------------------------------------------------------------------------------------------


def _check_times(claims: dict[str, Any], issuer: str) -> datetime:
    now = time.time()
    for claim in ("iat", "exp", *(["nbf"] if "nbf" in claims else [])):
        value = claims.get(claim)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 2**40:
            raise Doubt(f"the identity token has no usable {claim}", claim, issuer=issuer, is_signed=True)
    told: dict[str, Any] = {"issuer": issuer, "is_signed": True}
    leeway = LEEWAY.total_seconds()
    if claims["exp"] + leeway <= now:
        raise Doubt("the identity token has expired", "exp", f"after {_at(now)}", _at(claims["exp"]), **told)
    for claim in ("iat", "nbf"):
        if claims.get(claim, 0) > now + leeway:
            raise Doubt(
                "the identity token is from the future", claim, f"before {_at(now)}", _at(claims[claim]), **told
            )
    if claims["exp"] - claims["iat"] > LONGEST_LIFE.total_seconds():
        raise Doubt(
            "the identity token lives for more than a day", "exp", "a day after iat", _at(claims["exp"]), **told
        )
    return datetime.fromtimestamp(claims["exp"], UTC)


def _check_audience(claims: dict[str, Any], audiences: frozenset[str], issuer: str) -> None:
    audience = claims.get("aud")
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    if not isinstance(audience, str) or audience not in audiences:
        wanted, got = " or ".join(sorted(audiences)), audience if isinstance(audience, str) else ""
        message = f"the identity token is not for this registry: its audience has to be {wanted}"
        raise Doubt(message, "aud", wanted, got, issuer=issuer, is_signed=True)


def _token_id(token: str, claims: dict[str, Any], provider: Provider, issuer: str) -> str:
    found = claims.get("jti")
    if isinstance(found, str) and 0 < len(found) <= MAX_TOKEN_ID and found.isprintable():
        return found
    if found is None and provider.flavour == "circleci":
        # CircleCI gives none. What was signed is as unique; the signature itself can be written in two ways.
        return hashlib.sha256(token.rpartition(".")[0].encode()).hexdigest()
    raise Doubt("the identity token has no usable jti", "jti", "a text", issuer=issuer, is_signed=True)


def _at(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


# --- keys --------------------------------------------------------------------------------------------------------


def _key(issuer: str, kid: str, algorithm: str) -> Any:
    keys = cache.get(_kept(issuer, "keys")) or _fetch(issuer)
    found = _find(keys, kid, algorithm)
    if found is None and cache.add(_kept(issuer, "asked"), True, ASK_AGAIN_SECONDS):  # it may be a new key
        found = _find(_fetch(issuer), kid, algorithm)
    return found


def _find(keys: list[dict[str, Any]], kid: str, algorithm: str) -> Any:
    for each in keys:
        if each.get("kid") != kid or each.get("use", "sig") != "sig" or each.get("alg", algorithm) != algorithm:
            continue
        try:
            key = jwt.PyJWK(each, algorithm).key
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        if isinstance(key, ALGORITHMS[algorithm]) and _is_strong(key):
            return key
    return None


def _is_strong(key: Any) -> bool:
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= LEAST_RSA_BITS
    return isinstance(key.curve, ec.SECP256R1)


def _fetch(issuer: str) -> list[dict[str, Any]]:
    failure = NoKeys("the keys of the identity token's issuer cannot be fetched; try again later", issuer=issuer)
    if cache.get(_kept(issuer, "failed")):
        raise failure
    try:
        discovery = _json(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if discovery.get("issuer") != issuer:
            raise egress.EgressError("the discovery document is about another issuer")
        address = discovery.get("jwks_uri")
        if not isinstance(address, str):
            raise egress.EgressError("the discovery document names no key set")
        keys = _json(address).get("keys")
        if not isinstance(keys, list) or len(keys) > MAX_KEYS or not all(isinstance(each, dict) for each in keys):
            raise egress.EgressError("the key set is none")
    except egress.EgressError as error:
        cache.set(_kept(issuer, "failed"), True, FAILED_SECONDS)
        failure.got = error.message
        raise failure from error
    cache.set(_kept(issuer, "keys"), keys, KEYS_SECONDS)
    return keys


def _json(url: str) -> dict[str, Any]:
    answer = egress.request("GET", url, {"Accept": "application/json"}, max_answer=MAX_KEY_SET, inner_http_only=True)
    if answer.status != 200 or not answer.is_whole:
        raise egress.EgressError(f"{egress.parse(url).host} answered with {answer.status}")
    try:
        found = strictjson.read(answer.body, limit=MAX_KEY_SET)
    except Refusal as refusal:
        raise egress.EgressError(f"{egress.parse(url).host} sent no JSON") from refusal
    if not isinstance(found, dict):
        raise egress.EgressError(f"{egress.parse(url).host} sent no JSON object")
    return found


def _kept(issuer: str, what: str) -> str:
    return f"oidc-{what}-{hashlib.sha256(issuer.encode()).hexdigest()}"
