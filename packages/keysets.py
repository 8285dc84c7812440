"""The public keys of identity providers: fetched when they are needed, and kept for an hour."""

from __future__ import annotations

import hashlib
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.core.cache import cache  # shared by all workers; forgets by itself

from registry_site import egress, strictjson
from registry_site.egress import EgressError
from registry_site.errors import Refusal

ALGORITHMS = {"RS256": rsa.RSAPublicKey, "ES256": ec.EllipticCurvePublicKey}
MAX_KEY_SET = 1 << 20
MAX_KEYS = 100
LEAST_RSA_BITS = 2048
KEYS_SECONDS = 60 * 60  # how long a key set is believed without asking again
ASK_AGAIN_SECONDS = 5 * 60  # how often at most an unknown key leads to a question
FAILED_SECONDS = 60  # how long a provider that did not answer is left alone


def find(issuer: str, kid: str, algorithm: str) -> Any:
    """The issuer's public key of this name for this algorithm; None when it has none that is strong enough.

    algorithm: one of ALGORITHMS. Asks the issuer when its keys are not at hand, and once for a name that is not among
    them. Raises EgressError when the keys cannot be had. Never call it inside a transaction.
    """
    keys = cache.get(_kept(issuer, "keys")) or _fetch(issuer)
    found = _among(keys, kid, algorithm)
    if found is None and cache.add(_kept(issuer, "asked"), True, ASK_AGAIN_SECONDS):  # it may be a new key
        found = _among(_fetch(issuer), kid, algorithm)
    return found


def _among(keys: list[dict[str, Any]], kid: str, algorithm: str) -> Any:
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
    if cache.get(_kept(issuer, "failed")):
        raise EgressError("")  # it was said when it failed
    try:
        discovery = _json(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if discovery.get("issuer") != issuer:
            raise EgressError("the discovery document is about another issuer")
        address = discovery.get("jwks_uri")
        if not isinstance(address, str):
            raise EgressError("the discovery document names no key set")
        keys = _json(address).get("keys")
        if not isinstance(keys, list) or len(keys) > MAX_KEYS or not all(isinstance(each, dict) for each in keys):
            raise EgressError("the key set is none")
    except EgressError:
        cache.set(_kept(issuer, "failed"), True, FAILED_SECONDS)
        raise
    cache.set(_kept(issuer, "keys"), keys, KEYS_SECONDS)
    return keys


def _json(url: str) -> dict[str, Any]:
    answer = egress.request("GET", url, {"Accept": "application/json"}, max_answer=MAX_KEY_SET, inner_http_only=True)
    if answer.status != 200 or not answer.is_whole:
        raise EgressError(f"{egress.parse(url).host} answered with {answer.status}")
    try:
        found = strictjson.read(answer.body, limit=MAX_KEY_SET)
    except Refusal as refusal:
        raise EgressError(f"{egress.parse(url).host} sent no JSON") from refusal
    if not isinstance(found, dict):
        raise EgressError(f"{egress.parse(url).host} sent no JSON object")
    return found


def _kept(issuer: str, what: str) -> str:
    return f"oidc-{what}-{hashlib.sha256(issuer.encode()).hexdigest()}"
