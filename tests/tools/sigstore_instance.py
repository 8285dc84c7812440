"""A sigstore of our own: certificates, a transparency log of one entry a bundle, and the trust root that knows them.

Everything is signed for real, so that whatever verifies sigstore bundles verifies these, given the trust root.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import rfc8785
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

GITHUB = "https://token.actions.githubusercontent.com"
REPOSITORY = "https://github.com/acme/widget"
COMMIT = "a" * 40
_SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_PAYLOAD_TYPE = "application/vnd.in-toto+json"


def statement(name: str, number: str, sha512: str, **changes: Any) -> dict[str, Any]:
    """What npm writes on GitHub Actions. sha512: in hex. changes: repository, commit, or a key of the statement."""
    repository, commit = changes.pop("repository", REPOSITORY), changes.pop("commit", COMMIT)
    workflow = {"ref": "refs/heads/main", "repository": repository, "path": ".github/workflows/release.yml"}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": f"pkg:npm/{name.replace('@', '%40')}@{number}", "digest": {"sha512": sha512}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1",
                "externalParameters": {"workflow": workflow},
                "internalParameters": {"github": {"event_name": "push"}},
                "resolvedDependencies": [{"uri": f"git+{repository}@refs/heads/main", "digest": {"gitCommit": commit}}],
            },
            "runDetails": {
                "builder": {"id": "https://github.com/actions/runner/github-hosted"},
                "metadata": {"invocationId": f"{repository}/actions/runs/7/attempts/1"},
            },
        },
    } | changes


def gitlab_statement(name: str, number: str, sha512: str, repository: str, commit: str = COMMIT) -> dict[str, Any]:
    """What npm writes on GitLab CI."""
    return {
        "_type": "https://in-toto.io/Statement/v0.1",
        "subject": [{"name": f"pkg:npm/{name.replace('@', '%40')}@{number}", "digest": {"sha512": sha512}}],
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "predicate": {
            "buildType": "https://github.com/npm/cli/gitlab/v0alpha1",
            "builder": {"id": f"{repository}/-/runners/12"},
            "invocation": {
                "configSource": {"uri": f"git+{repository}", "digest": {"sha1": commit}, "entryPoint": "release"},
                "parameters": {"CI_COMMIT_REF_NAME": "main"},
            },
            "metadata": {"buildInvocationId": f"{repository}/-/jobs/7"},
            "materials": [{"uri": f"git+{repository}", "digest": {"sha1": commit}}],
        },
    }


class Sigstore:
    """An instance with keys of its own; another one has others."""

    def __init__(self) -> None:
        self.authority, self.log, self.certificate_log = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        self.name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "sigstore.test")])
        self.root = self._root()

    def bundle(
        self,
        said: dict[str, Any],
        *,
        issuer: str = GITHUB,
        repository: str = REPOSITORY,
        commit: str = COMMIT,
        logged_after: timedelta = timedelta(seconds=5),
    ) -> dict[str, Any]:
        """A signed bundle of a statement, in the parts that its JSON has.

        issuer, repository, commit: what the certificate says. logged_after: since the certificate's first moment;
        it is good for ten minutes.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        certificate = self._leaf(key.public_key(), begin, {8: issuer, 12: repository, 13: commit})
        payload = json.dumps(said).encode()
        signed = b"DSSEv1 %d %s %d %s" % (len(_PAYLOAD_TYPE), _PAYLOAD_TYPE.encode(), len(payload), payload)
        signature = _b64(key.sign(signed, ec.ECDSA(hashes.SHA256())))
        entry = self._entry(payload, signature, certificate, int((begin + logged_after).timestamp()))
        return {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": {"rawBytes": _b64(certificate.public_bytes(Encoding.DER))},
                "tlogEntries": [entry],
                "timestampVerificationData": {"rfc3161Timestamps": []},
            },
            "dsseEnvelope": {
                "payload": _b64(payload),
                "payloadType": _PAYLOAD_TYPE,
                "signatures": [{"keyid": "", "sig": signature}],
            },
        }

    def trust_root(self) -> dict[str, Any]:
        """The `trusted_root.json` that verifies the bundles of this instance."""
        since = {"start": "2020-01-01T00:00:00Z"}
        root = {"rawBytes": _b64(self.root.public_bytes(Encoding.DER))}
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [_log("https://rekor.test", self.log, since)],
            "certificateAuthorities": [
                {
                    "subject": {"organization": "sigstore.test", "commonName": "sigstore"},
                    "uri": "https://fulcio.test",
                    "certChain": {"certificates": [root]},
                    "validFor": since,
                }
            ],
            "ctlogs": [_log("https://ct.test", self.certificate_log, since)],
            "timestampAuthorities": [],
        }

    def _root(self) -> x509.Certificate:
        public = self.authority.public_key()
        begin = datetime(2020, 1, 1, tzinfo=UTC)
        return (
            x509.CertificateBuilder(self.name, self.name, public, x509.random_serial_number(), begin, _later(begin))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self.authority, hashes.SHA256())
        )

    def _leaf(self, public: ec.EllipticCurvePublicKey, begin: datetime, said: dict[int, str]) -> x509.Certificate:
        serial, end = x509.random_serial_number(), begin + timedelta(minutes=10)
        identity = f"{said[12]}/.github/workflows/release.yml@refs/heads/main"

        def build(scts: bytes) -> x509.Certificate:
            builder = x509.CertificateBuilder(self.name, x509.Name([]), public, serial, begin, end)
            for extension, critical in (
                (x509.BasicConstraints(ca=False, path_length=None), True),
                (_usage(digital_signature=True), True),
                (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False),
                (x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity)]), True),
                (x509.AuthorityKeyIdentifier.from_issuer_public_key(self.authority.public_key()), False),
                *((_fulcio(number, text), False) for number, text in said.items()),
                (x509.UnrecognizedExtension(_SCT_LIST, _der(0x04, scts)), False),
            ):
                builder = builder.add_extension(extension, critical)
            return builder.sign(self.authority, hashes.SHA256())

        return build(self._scts(build(self._scts(None, begin)).tbs_precertificate_bytes, begin))

    def _scts(self, precertificate: bytes | None, at: datetime) -> bytes:
        moment = int(at.timestamp() * 1000)
        entry = _id(self.authority) + len(precertificate or b"").to_bytes(3, "big") + (precertificate or b"")
        signed = struct.pack("!BBQH", 0, 0, moment, 1) + entry + b"\0\0"
        signature = self.certificate_log.sign(signed, ec.ECDSA(hashes.SHA256()))
        one = struct.pack("!B32sQHBBH", 0, _id(self.certificate_log), moment, 0, 4, 3, len(signature)) + signature
        return struct.pack("!HH", len(one) + 2, len(one)) + one

    def _entry(self, payload: bytes, signature: str, certificate: x509.Certificate, at: int) -> dict[str, Any]:
        verifier = _b64(certificate.public_bytes(Encoding.PEM))
        spec = {
            "envelopeHash": {"algorithm": "sha256", "value": "0" * 64},
            "payloadHash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()},
            "signatures": [{"signature": signature, "verifier": verifier}],
        }
        body = rfc8785.dumps({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec})
        root = hashlib.sha256(b"\0" + body).digest()
        promise = {"body": _b64(body), "integratedTime": at, "logID": _id(self.log).hex(), "logIndex": 0}
        note = f"rekor.test - 1\n1\n{_b64(root)}\n"
        sealed = _b64(_id(self.log)[:4] + self._log_signs(note.encode()))
        return {
            "logIndex": "0",
            "logId": {"keyId": _b64(_id(self.log))},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(at),
            "inclusionPromise": {"signedEntryTimestamp": _b64(self._log_signs(rfc8785.dumps(promise)))},
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": _b64(root),
                "treeSize": "1",
                "hashes": [],
                "checkpoint": {"envelope": f"{note}\n\u2014 rekor.test {sealed}\n"},
            },
            "canonicalizedBody": _b64(body),
        }

    def _log_signs(self, data: bytes) -> bytes:
        return self.log.sign(data, ec.ECDSA(hashes.SHA256()))


def _log(address: str, key: ec.EllipticCurvePrivateKey, since: dict[str, str]) -> dict[str, Any]:
    public = {"rawBytes": _b64(_spki(key)), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": since}
    return {
        "baseUrl": address,
        "hashAlgorithm": "SHA2_256",
        "publicKey": public,
        "logId": {"keyId": _b64(_id(key))},
    }


def _fulcio(number: int, text: str) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(f"1.3.6.1.4.1.57264.1.{number}"), _der(0x0C, text.encode()))


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _usage(**on: bool) -> x509.KeyUsage:
    every = """digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign
        crl_sign encipher_only decipher_only""".split()
    return x509.KeyUsage(**{each: on.get(each, False) for each in every})


def _later(begin: datetime) -> datetime:
    return begin.replace(year=begin.year + 20)


def _spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _id(key: ec.EllipticCurvePrivateKey) -> bytes:
    return hashlib.sha256(_spki(key)).digest()


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
