"""Signatures of mirrored versions: upstream's own, with the keys it publishes, and ours where it gave none.

Clients count a version that no published key verifies as a failure, and this registry publishes its own keys.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from django.conf import settings
from django.core.cache import cache  # shared by all workers; forgets by itself
from django.utils import timezone

from packages import keyring
from packages.models import Mirror, MirrorAlert, MirrorVersion, UpstreamKeys
from packages.upstream import alerts, client, reading, registries
from packages.upstream.client import UpstreamError
from packages.upstream.registries import Registry

logger = logging.getLogger(__name__)

PATH = "-/npm/v1/keys"
SECONDS = 5
MOST_BYTES = 256 * 1024
MOST_KEYS = 50
FRESH = timedelta(hours=1)
FAILED_SECONDS = 60
GOOD, NONE, WRONG = "good", "none", "wrong"

Key = dict[str, Any]


def public_keys() -> list[Key]:
    """The keys of the upstream registries that something was mirrored from, as they publish them; the last known ones
    when they do not answer. Source: `npm audit signatures`, GET /-/npm/v1/keys.
    """
    found: dict[str, Key] = {}
    for registry in registries.every():
        if Mirror.objects.filter(upstream=registry.host).exists():
            for key in _keys(registry):
                found.setdefault(key["keyid"], key)
    return list(found.values())


def check(name: str, number: str, integrity: str, signatures: Any, published_at: datetime | None = None) -> str:
    """What upstream's signatures on a version are worth: `good`, `none` that a key of its registry could verify, or
    `wrong`: one that its key does not verify, or whose key had ended when the version was published.

    signatures: as `dist` has them, whatever that is. Asks for keys only where there are signatures.
    """
    known = _known(_keys_for(name, [signatures]), signatures)
    if not known or not integrity:
        return NONE
    text = f"{name}@{number}:{integrity}".encode()
    return GOOD if all(_verifies(key, signature, text, published_at) for key, signature in known) else WRONG


def sign_missing(name: str, number: str, dist: dict[str, Any]) -> None:
    """Put our own signature into a mirrored version's `dist` when upstream gave none by a key that it publishes.

    Signatures of unknown keys go, because clients stop at them. Without an integrity there is nothing to sign.
    """
    _put(name, number, dist, _keys_for(name, [dist.get("signatures")]), keyring.current())


def complete(name: str, document: dict[str, Any]) -> dict[str, Any]:
    """A mirrored packument with signatures on all its versions, as `sign_missing` makes them; changed in its place."""
    own, parts = keyring.current(), {number: each["dist"] for number, each in document["versions"].items()}
    keys = _keys_for(name, [dist.get("signatures") for dist in parts.values()])
    for number, dist in parts.items():
        _put(name, number, dist, keys, own)
    return document


def watch(row: MirrorVersion) -> str:
    """Check upstream's signature on a version whose tarball was just verified; a wrong one is told to operators.

    Gives what `check` gives. row: with its mirror.
    """
    signatures = _of_an_old_row(row) if row.signatures is None else row.signatures
    found = check(row.mirror.name, row.number, row.integrity, signatures, row.published_at)
    if found == WRONG:
        text = f"the signature of {row.mirror.upstream} on {row.mirror.name}@{row.number} is wrong"
        alerts.alert(MirrorAlert.Kind.SIGNATURE, row.mirror.name, row.number, text)
    return found


def _of_an_old_row(row: MirrorVersion) -> Any:
    # The packument of what nobody used for long is not here; a lockfile asks for the tarball without it.
    versions = reading.unpack(bytes(row.mirror.source))["versions"] if row.mirror.source else {}
    return versions.get(row.number, {}).get("dist", {}).get("signatures")


def _put(name: str, number: str, dist: dict[str, Any], keys: dict[str, Key], own: keyring.Key) -> None:
    if known := [signature for _, signature in _known(keys, dist.get("signatures"))]:
        dist["signatures"] = known
    elif dist.get("integrity"):
        dist["signatures"] = [{"keyid": own.id, "sig": own.sign(f"{name}@{number}:{dist['integrity']}")}]
    else:
        dist.pop("signatures", None)


def _keys_for(name: str, signatures: list[Any]) -> dict[str, Key]:
    # Nobody is asked for the keys of a registry that signs nothing.
    registry = registries.for_name(name) if any(signatures) else None
    return {key["keyid"]: key for key in _keys(registry)} if registry is not None else {}


def _known(keys: dict[str, Key], signatures: Any) -> list[tuple[Key, dict[str, str]]]:
    found = []
    for each in signatures[: reading.MOST_SIGNATURES] if isinstance(signatures, list) else ():
        keyid, text = (each.get("keyid"), each.get("sig")) if isinstance(each, dict) else (None, None)
        if isinstance(keyid, str) and isinstance(text, str) and keyid in keys:
            found.append((keys[keyid], {"keyid": keyid, "sig": text[: reading.MAX_SIGNATURE]}))
    return found


def _verifies(key: Key, signature: dict[str, str], text: bytes, published_at: datetime | None) -> bool:
    if key["expires"] and published_at and datetime.fromisoformat(key["expires"]) <= published_at:
        return False
    public: Any = load_der_public_key(base64.b64decode(key["key"]))  # of the kind that `_is_key` let in
    try:
        public.verify(base64.b64decode(signature["sig"], validate=True), text, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _keys(registry: Registry) -> list[Key]:
    kept = UpstreamKeys.objects.filter(url=registry.url).first()
    if kept is not None and kept.asked_at > timezone.now() - FRESH:
        return kept.keys
    failed = "upstream-keys-failed-" + hashlib.sha256(registry.url.encode()).hexdigest()
    if not settings.UPSTREAM_OFFLINE and not cache.get(failed):
        try:
            return _fetch(registry)
        except UpstreamError as error:
            logger.warning("signing keys could not be asked for: %s", error)
            cache.set(failed, True, FAILED_SECONDS)
    return kept.keys if kept is not None else []


def _fetch(registry: Registry) -> list[Key]:
    answer = client.get(registry, PATH, {"Accept": "application/json"}, most=MOST_BYTES, seconds=SECONDS)
    keys: list[Key] = []
    if answer.status == 200:
        keys = list(_read(answer.body))
    elif answer.status not in (400, 404):  # it has none, in the two ways that clients know
        raise UpstreamError(f"{registry.host} answered with {answer.status}")
    UpstreamKeys.objects.update_or_create(url=registry.url, defaults={"keys": keys, "asked_at": timezone.now()})
    return keys


def _read(body: bytes) -> Iterable[Key]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UpstreamError("the keys are not JSON") from error
    listed = said.get("keys") if isinstance(said, dict) else None
    if not isinstance(listed, list):
        raise UpstreamError("the answer is no list of keys")
    for each in listed[:MOST_KEYS]:
        if isinstance(each, dict) and _is_key(each):
            yield {word: each.get(word) for word in ("expires", "keyid", "keytype", "scheme", "key")}


def _is_key(said: dict[str, Any]) -> bool:
    keyid, key, expires = said.get("keyid"), said.get("key"), said.get("expires")
    if not isinstance(keyid, str) or not 0 < len(keyid) <= 100 or said.get("scheme") != keyring.SCHEME:
        return False
    if not isinstance(said.get("keytype", ""), str | None):
        return False
    try:
        if expires is not None and datetime.fromisoformat(expires).tzinfo is None:
            return False
        public = load_der_public_key(base64.b64decode(key, validate=True))
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return False
    return isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, ec.SECP256R1)
