"""Where a version was built: the bundle that came with it, held against its name and bytes, verified, and kept."""

from __future__ import annotations

import base64
import logging
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import timezone

from accounts.actor import Actor
from packages import access, packuments, statements
from packages.access import Action
from packages.models import BASE_MARK, Attestation, Content, Issuer, Version
from packages.statements import Claim
from registry_site.errors import Invalid, NotFound, Unavailable

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from sigstore.verify import Verifier

logger = logging.getLogger(__name__)

ISSUERS = ("https://token.actions.githubusercontent.com", "https://gitlab.com")
# What Fulcio writes into a signing certificate (its oid-info).
_ISSUER, _REPOSITORY, _COMMIT = (f"1.3.6.1.4.1.57264.1.{number}" for number in (8, 12, 13))
_ODD = re.compile(r"[^ -~]+")


@dataclass(frozen=True)
class Attested:
    """A bundle that is about the version it came with. verified: its signature too, against the trust root."""

    claim: Claim
    bundle: str
    verified: bool


def attach(bundle: str | None, content: Content) -> Attested | None:
    """Check the bundle of an upload and name it in the version's `dist`; the row is not saved. None without one.

    bundle: `Upload.provenance` or `StagedVersion.provenance`. content: the version with its parts, in the database or
    not. Outside of any transaction; in the one that lists the version, `keep` what this gives.
    For a staged version twice: when it is staged, so that its uploader hears of a refusal, and on the Version that is
    released. Raises Invalid for a bundle that cannot be read, that is about another package, version, tarball or
    repository, or that the trust root does not verify; Unavailable when the trust root cannot be read.
    Source: `npm publish --provenance`, the attachment NAME-VERSION.sigstore.
    """
    if not bundle:
        return None
    claim = statements.read(bundle)
    name = content.manifest["name"]
    if claim.subject != f"pkg:npm/{name.replace('@', '%40', 1)}@{content.number}":
        raise _refused(f"it is about {claim.subject}, not about {name}@{content.number}")
    if content.integrity != "sha512-" + base64.b64encode(bytes.fromhex(claim.sha512)).decode():
        raise _refused("it is about other bytes than those of the tarball")
    _require_own_repository(claim, content.manifest)
    trust_root = settings.SIGSTORE_TRUST_ROOT
    if trust_root is not None:
        _verify(bundle, claim, trust_root)
    address = f"{BASE_MARK}/-/npm/v1/attestations/{name.replace('/', '%2f')}@{content.number}"
    packuments.amend(content, attestations={"url": address, "provenance": {"predicateType": claim.predicate_type}})
    return Attested(claim, bundle, verified=trust_root is not None)


def keep(version: Version, attested: Attested | None) -> None:
    """Keep what `attach` gave, with the version that was just saved, in the same transaction."""
    if attested is not None:
        version.attestations.create(
            predicate_type=attested.claim.predicate_type,
            bundle=attested.bundle,
            source=attested.claim.source,
            verified_at=timezone.now() if attested.verified else None,
        )


def of(version: Version) -> Attestation | None:
    """The provenance of a version that the viewer may see, for its page."""
    return version.attestations.defer("bundle").order_by("pk").first()


def bundles(actor: Actor, name: str, number: str) -> list[tuple[str, str]]:
    """Each attestation of a listed version: its predicate type and the bundle's text.

    Raises as `access.find`, NotFound when there is none. Source: `npm audit signatures`.
    """
    package = access.find(actor, Action.VIEW, name)
    found = Attestation.objects.filter(version__in=package.versions.listed().filter(number=number))
    kept = list(found.order_by("pk").values_list("predicate_type", "bundle"))
    if not kept:
        raise NotFound(f"{name}@{number} has no attestations")
    return kept


def _require_own_repository(claim: Claim, manifest: dict[str, Any]) -> None:
    named = manifest.get("repository")
    named = named.get("url") if isinstance(named, dict) else named
    own = statements.repository(named) if isinstance(named, str) else ""
    built = claim.source["repository"]
    if not built or own.lower() != built.lower():
        raise _refused(
            f"it was built from {built or 'no repository'}, and package.json names {own or 'none'}; "
            "set repository.url in package.json to the repository it is built from"
        )


def _verify(bundle: str, claim: Claim, trust_root: Path) -> None:
    # Loaded by the few servers that verify, when they first do: it takes half a second.
    from sigstore.models import Bundle

    verifier = _verifier(trust_root)
    policy = _BuiltWhereItSays(claim)
    try:
        kind, payload = verifier.verify_dsse(Bundle.from_json(bundle), policy)
        # The library takes keys in two spellings, so it may have found another envelope than we did.
        if (kind, payload) != (statements.PAYLOAD_TYPE, claim.payload):
            raise ValueError("what is signed is not what it says")
    except Exception as error:  # whatever the library stumbles over is a bundle that was not verified
        raise _refused(f"it is not verified: {str(error).partition(chr(10))[0]}") from error


def _verifier(trust_root: Path) -> Verifier:
    try:
        return _verifier_of(trust_root, trust_root.stat().st_mtime_ns)
    except Exception as error:
        logger.exception("the sigstore trust root cannot be read")
        raise Unavailable("provenance cannot be verified right now; ask an operator of this registry") from error


@lru_cache(maxsize=1)
def _verifier_of(trust_root: Path, changed: int) -> Verifier:
    from sigstore.models import TrustedRoot
    from sigstore.verify import Verifier

    return Verifier(trusted_root=TrustedRoot.from_file(str(trust_root)))


class _BuiltWhereItSays:
    """What the signing certificate has to say: an issuer that is believed here, and what the statement says, too."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim

    def verify(self, certificate: Certificate) -> None:
        issuer = _said(certificate, _ISSUER)
        if issuer not in ISSUERS and not Issuer.objects.filter(url=issuer).exists():
            raise ValueError(f"this registry does not believe {issuer or 'a certificate without issuer'}")
        repository = statements.repository(_said(certificate, _REPOSITORY))
        if repository.lower() != self.claim.source["repository"].lower():
            raise ValueError(f"its certificate is of {repository or 'no repository'}")
        if _said(certificate, _COMMIT) != self.claim.source.get("commit"):
            raise ValueError("its certificate is of another commit")


def _said(certificate: Certificate, oid: str) -> str:
    from cryptography.hazmat import asn1
    from cryptography.x509 import ObjectIdentifier, UnrecognizedExtension

    for extension in certificate.extensions:
        if extension.oid == ObjectIdentifier(oid) and isinstance(extension.value, UnrecognizedExtension):
            return asn1.decode_der(str, extension.value.value)
    return ""


def _refused(reason: str) -> Invalid:
    return Invalid(f"the provenance is refused: {_ODD.sub(' ', reason)[:400]}", code="provenance")
