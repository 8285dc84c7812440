"""Identity tokens of build servers: whether they are believed, and whom they speak for."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from packages import keysets, providers
from packages.providers import Provider
from registry_site.egress import EgressError
from registry_site.errors import Refusal

LEEWAY = timedelta(seconds=60)  # how far clocks may differ, for every check of a time
LONGEST_LIFE = timedelta(days=1)
MAX_TOKEN = 16 * 1024
MAX_TOKEN_ID = 200
MAX_MOMENT = 2**37  # in the year 6325; what is later than 9999 is no date to anybody


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


def verify(token: str, audiences: frozenset[str]) -> Identity:
    """Who an identity token speaks for.

    audiences: what its `aud` may be. Raises Doubt, or NoKeys when the provider's keys could not be fetched.
    Nothing is fetched for an issuer nobody registered. Never call it inside a transaction.
    """
    header, claims = _unverified(token)
    algorithm, issuer = header.get("alg"), claims.get("iss")
    if algorithm not in keysets.ALGORITHMS or "crit" in header or not isinstance(header.get("kid"), str):
        raise Doubt("an identity token is signed with RS256 or ES256, and names its key")
    provider = providers.of(issuer)
    if provider is None or not isinstance(issuer, str):
        shown = issuer[:300] if isinstance(issuer, str) else ""
        raise Doubt("this registry does not know the issuer of the identity token", "iss", "a known issuer", shown)
    try:
        key = keysets.find(issuer, header["kid"], algorithm)
    except EgressError as error:
        message = "the keys of the identity token's issuer cannot be fetched; try again later"
        raise NoKeys(message, got=error.message, issuer=issuer) from error
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


def _check_times(claims: dict[str, Any], issuer: str) -> datetime:
    now = time.time()
    for claim in ("iat", "exp", *(["nbf"] if "nbf" in claims else [])):
        value = claims.get(claim)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < MAX_MOMENT:
            raise Doubt(f"the identity token has no usable {claim}", claim, issuer=issuer, is_signed=True)
    told: dict[str, Any] = {"issuer": issuer, "is_signed": True}
    leeway = LEEWAY.total_seconds()
    if claims["exp"] + leeway <= now:
        raise Doubt("the identity token has expired", "exp", f"after {at(now)}", at(claims["exp"]), **told)
    for claim in ("iat", "nbf"):
        if claims.get(claim, 0) > now + leeway:
            raise Doubt("the identity token is from the future", claim, f"before {at(now)}", at(claims[claim]), **told)
    if claims["exp"] - claims["iat"] > LONGEST_LIFE.total_seconds():
        raise Doubt("the identity token lives for more than a day", "exp", "a day after iat", at(claims["exp"]), **told)
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


def at(moment: float) -> str:
    """A time of a claim, in seconds since 1970, for people."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
