"""Signatures and attestations of mirrored versions: upstream's own, ours where it gave none, and wrong ones."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from django.core.cache import cache
from django.utils import timezone

from packages import keyring
from packages.models import MirrorAlert, UpstreamAttestations, UpstreamKeys
from packages.upstream import mirroring, signing

pytestmark = pytest.mark.django_db
ALGORITHM = ec.ECDSA(hashes.SHA256())
KEYS = "/-/npm/v1/keys"
SLSA = "https://slsa.dev/provenance/v1"
ATTESTED = {"attestations": [{"predicateType": SLSA, "bundle": {"mediaType": "x"}}]}


@pytest.fixture(autouse=True)
def forgetful():
    cache.clear()


class Signer:
    """A key of an upstream registry."""

    def __init__(self, expires: str | None = None) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        der = self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        keyid = "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")
        self.key = {
            "expires": expires, "keyid": keyid, "keytype": keyring.SCHEME, "scheme": keyring.SCHEME,
            "key": base64.b64encode(der).decode(),
        }  # fmt: skip

    def sign(self, text: str) -> dict[str, str]:
        return {
            "keyid": self.key["keyid"],
            "sig": base64.b64encode(self.private.sign(text.encode(), ALGORITHM)).decode(),
        }


@pytest.fixture
def signer(upstream):
    """left-pad upstream: 1.0.0 signed by its key, 1.1.0 not, 1.2.0 by a key that nobody publishes, 1.3.0 wrongly."""
    signer, unknown = Signer(), Signer()
    upstream.keys.append(signer.key)
    for number, by in (("1.0.0", signer), ("1.1.0", None), ("1.2.0", unknown), ("1.3.0", signer)):
        upstream.publish("left-pad", number)

        def put(document, number=number, by=by):
            dist = document["versions"][number]["dist"]
            text = f"left-pad@{number}:{dist['integrity']}" if number != "1.3.0" else "another text"
            if by:
                dist["signatures"] = [by.sign(text)]

        upstream.edit("left-pad", put)
    return signer


def verified(npm, number: str) -> str:
    """The id of the published key that verifies a version as clients do; it fails when none does."""
    dist = npm.get("left-pad").json()["versions"][number]["dist"]
    keys = {each["keyid"]: each for each in npm.get("-/npm/v1/keys").json()["keys"]}
    for each in dist["signatures"]:
        public = load_der_public_key(base64.b64decode(keys[each["keyid"]]["key"]))
        public.verify(base64.b64decode(each["sig"]), f"left-pad@{number}:{dist['integrity']}".encode(), ALGORITHM)
    return each["keyid"]


def test_every_version_is_verified_by_a_published_key(npm, signer):
    own = keyring.current().id
    assert verified(npm, "1.0.0") == signer.key["keyid"]
    assert verified(npm, "1.1.0") == own
    assert verified(npm, "1.2.0") == own
    one = npm.get("left-pad/1.1.0").json()["dist"]
    assert one["signatures"] == npm.get("left-pad").json()["versions"]["1.1.0"]["dist"]["signatures"]
    with pytest.raises(Exception):  # noqa: B017 - a wrong signature stays what it is, and clients say so
        verified(npm, "1.3.0")


def test_the_last_known_keys_serve_while_upstream_is_down(npm, upstream, signer):
    verified(npm, "1.0.0")
    UpstreamKeys.objects.update(asked_at=timezone.now() - timedelta(days=1))
    upstream.fault(KEYS, status=500)
    upstream.requests.clear()
    assert verified(npm, "1.0.0") == signer.key["keyid"]
    assert verified(npm, "1.0.0") == signer.key["keyid"]
    assert len(upstream.asked(KEYS)) == 1


def test_nobody_is_asked_for_keys_where_nothing_is_signed(npm, upstream):
    upstream.publish("plain")
    npm.get("plain")
    assert not upstream.asked(KEYS)


def test_keys_are_read_with_care(npm, upstream, signer):
    good = signer.key
    odd = [good | {"keyid": ""}, good | {"keyid": "a", "key": "AAAA"}, good | {"keyid": "b", "scheme": "rsa"}, "no key"]
    odd += [good | {"keyid": "c", "expires": "soon"}, good | {"keyid": 7}, good | {"keyid": keyring.current().id}]
    upstream.keys[:] = [*odd, good]
    npm.get("left-pad")
    keys = npm.get("-/npm/v1/keys").json()["keys"]
    assert [each["keyid"] for each in keys] == [keyring.current().id, good["keyid"]]
    assert keys[0]["key"] == keyring.current().public_base64


def test_f17_a_wrong_signature_is_told_to_operators(npm, signer):
    for number in ("1.0.0", "1.1.0", "1.2.0", "1.3.0"):
        assert npm.get(f"left-pad/-/left-pad-{number}.tgz").status_code == 200
    (alert,) = MirrorAlert.objects.filter(kind=MirrorAlert.Kind.SIGNATURE)
    assert (alert.name, alert.number) == ("left-pad", "1.3.0")


def test_a_key_that_had_ended_is_wrong(upstream):
    signer = Signer(expires="2025-01-29T00:00:00.000Z")
    upstream.keys.append(signer.key)
    signatures, now = [signer.sign("x@1.0.0:sha512-abc")], timezone.now()
    assert signing.check("x", "1.0.0", "sha512-abc", signatures, now) == "wrong"
    assert signing.check("x", "1.0.0", "sha512-abc", signatures, now - timedelta(days=3000)) == "good"
    assert signing.check("x", "1.0.0", "sha512-other", signatures) == "wrong"
    for nothing in (None, [], "x", [None], [{"keyid": 1}], [{"keyid": "other", "sig": "AAAA"}]):
        assert signing.check("x", "1.0.0", "sha512-abc", nothing) == "none"


def test_attestations_come_from_upstream_once_and_links_lead_here(npm, upstream):
    upstream.publish("built")
    path = "/-/npm/v1/attestations/built@1.0.0"
    said = {"url": upstream.url + path, "provenance": {"predicateType": SLSA}}
    upstream.edit("built", lambda document: document["versions"]["1.0.0"]["dist"].update(attestations=said))
    assert npm.get("-/npm/v1/attestations/built@1.0.0").status_code == 404  # nobody asked for the package yet
    assert not upstream.asked(path)
    dist = npm.get("built").json()["versions"]["1.0.0"]["dist"]
    assert dist["attestations"]["url"] == "http://testserver/npm/-/npm/v1/attestations/built@1.0.0"
    upstream.fault(path, body=json.dumps(ATTESTED | {"more": 1}).encode(), status=200)
    for _ in range(2):
        assert npm.get("-/npm/v1/attestations/built@1.0.0").json() == ATTESTED
    assert len(upstream.asked(path)) == 1
    assert npm.get("-/npm/v1/attestations/built@9.0.0").status_code == 404
    assert len(upstream.requests) == 2


@pytest.mark.parametrize(
    ("fault", "status"),
    [({"status": 404}, 404), ({"status": 500}, 503), ({"body": b"<html>"}, 503), ({"huge": 5 * 2**20}, 503)],
)
def test_attestations_that_do_not_come(npm, upstream, fault, status):
    upstream.publish("built")
    npm.get("built")
    upstream.fault("/-/npm/v1/attestations/built@1.0.0", **fault)
    for _ in range(2):
        assert npm.get("-/npm/v1/attestations/built@1.0.0").status_code == status
    assert len(upstream.asked("/-/npm/v1/attestations/built@1.0.0")) == 1
    assert not UpstreamAttestations.objects.exclude(body="").exists()


def test_documents_are_the_same_bytes_when_built_again(npm, signer):
    from packages.models import MirrorDocument

    first = npm.get("left-pad")
    MirrorDocument.objects.all().delete()
    assert npm.get("left-pad")["ETag"] == first["ETag"]
    mirroring.refresh("left-pad", force=True)
    assert npm.get("left-pad")["ETag"] == first["ETag"]
