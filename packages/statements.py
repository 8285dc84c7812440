"""A provenance bundle, read strictly: which tarball it is about, and where it says that was built (pure)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from registry_site import strictjson
from registry_site.errors import Invalid, Refusal

MAX_BUNDLE = 1024 * 1024
MAX_TEXT = 500
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENTS = ("https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1")
PUBLIC_LOG = "wNI9atQGlz+VWfO6LRygH4QUfY/8W4RFwiT5i5WRgB0="  # rekor.sigstore.dev, whose entries have pages
_MEDIA_TYPE = re.compile(r"application/vnd\.dev\.sigstore\.bundle(?:\+json;version=0\.[123]|\.v0\.3\+json)", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{128}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)
_LOG_INDEX = re.compile(r"[0-9]{1,20}", re.ASCII)


@dataclass(frozen=True)
class Claim:
    """What a bundle says, believed by nobody yet.

    subject: a package URL. sha512: of the tarball, in hex. payload: the statement's bytes, which are what is signed.
    source: repository ("" for none), and where it names them commit, workflow, ref, builder, run,
    log_index and log_entry (the address of a page).
    """

    subject: str
    sha512: str
    predicate_type: str
    payload: bytes
    source: dict[str, str]


def read(text: str) -> Claim:
    """Read a sigstore bundle with an in-toto statement that has a SLSA provenance predicate.

    Raises Invalid, saying what it is not.
    """
    try:
        bundle = _object(strictjson.read(text.encode(), limit=MAX_BUNDLE))
        if not _MEDIA_TYPE.fullmatch(_text(bundle, "mediaType")):
            raise Invalid("mediaType names no sigstore bundle up to 0.3")
        payload = _payload(_object(bundle.get("dsseEnvelope")))
        statement = _object(strictjson.read(payload, limit=MAX_BUNDLE))
        if _text(statement, "_type") not in STATEMENTS:
            raise Invalid("its payload is no in-toto statement v0.1 or v1")
        subject = _only(statement.get("subject"), "a subject")
        read_source = PREDICATES.get(_text(statement, "predicateType"))
        if read_source is None:
            raise Invalid("its predicate is no SLSA provenance v0.2 or v1")
        source = read_source(_object(statement.get("predicate")))
        if not _DIGEST.fullmatch(sha512 := _text(_object(subject.get("digest")), "sha512")):
            raise Invalid("its subject has no sha512")
        name = _text(subject, "name")
    except Refusal as refusal:
        raise Invalid(f"the provenance bundle cannot be read: {refusal.message}", code="provenance") from None
    return Claim(name, sha512, _text(statement, "predicateType"), payload, _plain(source | _log_entry(bundle)))


def repository(address: str) -> str:
    """The one spelling of a repository's address, to compare by: `https://host/path`; "" for what is none.

    Source: package.json's `repository`, in any of npm's spellings, and SLSA's `git+https://...@refs/heads/main`.
    """
    for short, host in (("github:", "github.com"), ("gitlab:", "gitlab.com"), ("bitbucket:", "bitbucket.org")):
        if address.startswith(short):
            address = f"https://{host}/{address.removeprefix(short)}"
    if re.fullmatch(r"[\w.-]+/[\w.-]+", address, re.ASCII):
        address = f"https://github.com/{address}"
    address = re.sub(r"^(?:ssh://)?git@([\w.-]+)[:/]", r"https://\1/", address.removeprefix("git+"), count=1)
    try:
        parts = urlsplit(re.sub(r"^git://", "https://", address, count=1))
        path = parts.path.partition("@")[0].rstrip("/").removesuffix(".git")
        if parts.scheme not in ("https", "http", "ssh") or not path.strip("/"):
            return ""
        if not re.fullmatch(r"[\w.-]+", parts.hostname or ""):  # urllib finds ::1 in many odd places
            return ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    return f"https://{parts.hostname}{port}{path}"


def _payload(envelope: dict[str, Any]) -> bytes:
    if _text(envelope, "payloadType") != PAYLOAD_TYPE:
        raise Invalid("its payload is no in-toto statement")
    _only(envelope.get("signatures"), "a signature")
    try:
        return base64.b64decode(_text(envelope, "payload", most=MAX_BUNDLE), validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("its payload is not base64") from None


def _slsa_1(predicate: dict[str, Any]) -> dict[str, Any]:
    # GitHub Actions, as npm and pnpm write it.
    definition = _object(predicate.get("buildDefinition"))
    details = _object(predicate.get("runDetails"))
    workflow = _object(_object(definition.get("externalParameters")).get("workflow", {}))
    dependency = _first(definition.get("resolvedDependencies"))
    return {
        "repository": workflow.get("repository") or dependency.get("uri"),
        "commit": _object(dependency.get("digest", {})).get("gitCommit"),
        "workflow": workflow.get("path"),
        "ref": workflow.get("ref"),
        "builder": _object(details.get("builder", {})).get("id"),
        "run": _object(details.get("metadata", {})).get("invocationId"),
    }


def _slsa_02(predicate: dict[str, Any]) -> dict[str, Any]:
    # GitLab CI, as npm writes it.
    invocation = _object(predicate.get("invocation", {}))
    config = _object(invocation.get("configSource", {}))
    parameters = _object(invocation.get("parameters", {}))
    return {
        "repository": config.get("uri"),
        "commit": _object(config.get("digest", {})).get("sha1"),
        "workflow": config.get("entryPoint"),
        "ref": parameters.get("CI_COMMIT_REF_NAME"),
        "builder": _object(predicate.get("builder", {})).get("id"),
        "run": _object(predicate.get("metadata", {})).get("buildInvocationId"),
    }


PREDICATES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "https://slsa.dev/provenance/v1": _slsa_1,
    "https://slsa.dev/provenance/v0.2": _slsa_02,
}


def _log_entry(bundle: dict[str, Any]) -> dict[str, Any]:
    material = _object(bundle.get("verificationMaterial", {}))
    entry = _first(material.get("tlogEntries"))
    index = str(entry.get("logIndex", ""))
    if not _LOG_INDEX.fullmatch(index):
        return {}
    public = _object(entry.get("logId", {})).get("keyId") == PUBLIC_LOG
    return {"log_index": index, "log_entry": f"https://search.sigstore.dev/?logIndex={index}" if public else None}


def _plain(source: dict[str, Any]) -> dict[str, str]:
    found = {key: value for key, value in source.items() if isinstance(value, str) and 0 < len(value) <= MAX_TEXT}
    found["repository"] = repository(found.get("repository", ""))
    if not _COMMIT.fullmatch(found.get("commit", "")):
        found.pop("commit", None)
    return found


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Invalid("a part of it has the wrong shape")
    return value


def _first(value: Any) -> dict[str, Any]:
    return _object(value[0]) if isinstance(value, list) and value else {}


def _only(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, list) or len(value) != 1:
        raise Invalid(f"it has not exactly one of {what}")
    return _object(value[0])


def _text(part: dict[str, Any], key: str, *, most: int = MAX_TEXT) -> str:
    value = part.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise Invalid(f"it has no {key}")
    return value
