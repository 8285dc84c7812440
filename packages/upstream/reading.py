"""An upstream packument, as bytes that nobody vouches for, made into one that this registry may serve (pure).

Everything is parsed and written anew: names and numbers are this registry's own, links lead here, and what would hurt
who reads it is left out, version by version, so that one bad version does not hide the others.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from packages.manifests import INSTALL_SCRIPTS, MAX_MESSAGE, has_key, license_of
from packages.names import PackageName, parse_tag, parse_version
from registry_site.errors import Invalid, Malformed, TooLarge
from registry_site.moments import iso
from registry_site.strictjson import require_few_nodes

MOST_BYTES = 64 * 2**20
MOST_VERSIONS = 100_000
PACKED = 3  # nobody is sent a stored source: a little longer, for half the work
MAX_LINK = 2_000
MAX_README = 256 * 1024
MOST_SIGNATURES = 10
MAX_SIGNATURE = 500
FORBIDDEN = "__proto__"
YEARS = (1970, 2999)  # of moments that are believed; to those at the ends of the calendar nothing can be added
# In stored sources this stands where the registry's address goes, as JSON writes BASE_MARK.
MARK = "\x01"
_WRITTEN_MARK = b"\\u0001"
_COPIED = "description keywords license author contributors maintainers bugs homepage repository readmeFilename".split()
_DIST = ("shasum", "integrity", "fileCount", "unpackedSize", "signatures")
_SHASUM = re.compile(r"[0-9a-f]{40}", re.ASCII)
_DIGEST_BYTES = {"sha512": 64, "sha384": 48, "sha256": 32, "sha1": 20}
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Listed:
    """A version, as upstream lists it. tarball: where upstream has it; published_at: None in short documents."""

    number: str
    tarball: str
    integrity: str
    shasum: str
    published_at: datetime | None
    deprecated: str
    license: str
    has_install_script: bool
    signatures: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Read:
    """What an upstream packument says, fit to be kept and served.

    document: the packument itself, tarball links beginning with MARK. is_full: not the form for installs only.
    dropped: numbers that were left out, each with why.
    """

    name: str
    document: dict[str, Any]
    is_full: bool
    versions: dict[str, Listed]
    latest: str
    modified_at: datetime | None
    dropped: dict[str, str] = field(default_factory=dict)


def read(body: bytes, name: PackageName, *, is_full: bool) -> Read:
    """Validate a packument.

    is_full: whether the whole one was asked for; a registry that knows no short form gives it in any case.
    Raises Malformed for what is no packument of this name at all.
    """
    if len(body) > MOST_BYTES:
        raise Malformed("the packument is too large")
    try:
        require_few_nodes(0, body, 0, limit=MOST_BYTES)
    except TooLarge as refusal:
        raise Malformed("the packument has too many values") from refusal
    try:
        said = orjson.loads(body.replace(_WRITTEN_MARK, b"\\ufffd"))
    except orjson.JSONDecodeError as error:
        raise Malformed("the packument is not JSON") from error
    if not isinstance(said, dict) or said.get("name") != name.full:
        raise Malformed(f"this is no packument of {name.full}")
    is_full = is_full or "_id" in said
    versions = said.get("versions")
    if not isinstance(versions, dict) or len(versions) > MOST_VERSIONS:
        raise Malformed("the packument has no versions, or too many")
    times = said.get("time") if isinstance(said.get("time"), dict) else {}
    manifests: dict[str, dict[str, Any]] = {}
    listed: dict[str, Listed] = {}
    dropped: dict[str, str] = {}
    # A key can be written with escapes; where there are none, and not the word itself, nothing need be searched.
    is_clean = FORBIDDEN.encode() not in body and b"\\u00" not in body
    for number, manifest in versions.items():
        try:
            if not is_clean and has_key(manifest, FORBIDDEN):
                raise Invalid(f"it has a key {FORBIDDEN}")
            manifests[number], listed[number] = _version(name, number, manifest, times)
        except (Invalid, Malformed) as fault:
            dropped[number[:256]] = fault.message
    if versions and not manifests:
        raise Malformed(f"no version of the packument can be used ({next(iter(dropped.values()))})")
    tags = _tags(said.get("dist-tags"), manifests)
    document: dict[str, Any] = {"_id": name.full, "name": name.full, "dist-tags": tags, "versions": manifests}
    created, modified = _moment(times.get("created")), _moment(times.get("modified")) or _moment(said.get("modified"))
    if times:
        kept = {each: iso(moment) for each in manifests if (moment := _moment(times.get(each)))}
        both = {"created": created, "modified": modified}
        document["time"] = {word: iso(moment) for word, moment in both.items() if moment} | kept
    if modified:
        document["modified"] = iso(modified)
    if is_full:
        document |= {key: said[key] for key in _COPIED if _is_plain(said.get(key))}
        if isinstance(said.get("readme"), str):
            document["readme"] = said["readme"][:MAX_README]
    return Read(name.full, document, is_full, listed, tags.get("latest", ""), modified, dropped)


def pack(document: dict[str, Any]) -> bytes:
    """A document as it is stored. Raises Malformed for one that is nested deeper than it could be written."""
    try:
        return gzip.compress(orjson.dumps(document), PACKED, mtime=0)
    except orjson.JSONEncodeError as error:
        raise Malformed("the packument is nested too deep") from error


def unpack(stored: bytes) -> dict[str, Any]:
    """A stored document."""
    return orjson.loads(gzip.decompress(stored))


def written(document: dict[str, Any], base: str) -> bytes:
    """A document as clients get it, its links below an address of this registry."""
    return orjson.dumps(document).replace(_WRITTEN_MARK, orjson.dumps(base)[1:-1])


def digest_of(integrity: str) -> tuple[str, bytes] | None:
    """The strongest digest of a subresource integrity text, as its algorithm and raw bytes; None for none."""
    found: dict[str, bytes] = {}
    for word in integrity.split():
        algorithm, _, text = word.partition("-")
        try:
            value = base64.b64decode(text.partition("?")[0], validate=True)
        except (binascii.Error, ValueError):
            continue
        if len(value) == _DIGEST_BYTES.get(algorithm):
            found.setdefault(algorithm, value)
    return next(((each, found[each]) for each in _DIGEST_BYTES if each in found), None)


def _version(name: PackageName, number: str, manifest: Any, times: dict[str, Any]) -> tuple[dict[str, Any], Listed]:
    if not isinstance(manifest, dict):
        raise Malformed("it is no manifest")
    if parse_version(number) != number or manifest.get("version") != number or manifest.get("name") != name.full:
        raise Invalid("it is a manifest of something else")
    dist = manifest.get("dist")
    tarball = dist.get("tarball") if isinstance(dist, dict) else None
    if not isinstance(tarball, str) or not tarball.startswith(("http://", "https://")) or len(tarball) > MAX_LINK:
        raise Invalid("it has no tarball")
    integrity = dist.get("integrity") if isinstance(dist.get("integrity"), str) else ""
    integrity = integrity if digest_of(integrity) and len(integrity) <= 200 else ""
    shasum = dist.get("shasum") if isinstance(dist.get("shasum"), str) and _SHASUM.fullmatch(dist["shasum"]) else ""
    if not (integrity or shasum):
        raise Invalid("it has no digest")
    kept = {key: value for key, value in manifest.items() if key not in ("dist", "deprecated", "readme")}
    said = {key: dist[key] for key in _DIST if key in dist}
    said |= {"integrity": integrity, "shasum": shasum}
    kept["dist"] = {key: value for key, value in said.items() if value} | {
        "tarball": f"{MARK}/{name.full}/-/{name.tarball(number)}"
    }
    if built := _attested(name, number, dist.get("attestations")):
        kept["dist"]["attestations"] = built
    deprecated = manifest.get("deprecated")
    message = _UNPRINTABLE.sub(" ", deprecated if isinstance(deprecated, str) else "")[:MAX_MESSAGE]
    if deprecated is True:
        message = "deprecated"
    if message:
        kept["deprecated"] = message
    return kept, Listed(
        number,
        tarball,
        integrity,
        shasum,
        _moment(times.get(number)),
        message,
        license_of(manifest),
        _installs(manifest),
        _signatures(dist.get("signatures")),
    )


def _attested(name: PackageName, number: str, said: Any) -> dict[str, Any] | None:
    provenance = said.get("provenance") if isinstance(said, dict) else None
    kind = provenance.get("predicateType") if isinstance(provenance, dict) else None
    if not isinstance(kind, str) or len(kind) > 300:
        return None
    address = f"{MARK}/-/npm/v1/attestations/{name.full.replace('/', '%2f')}@{number}"
    return {"url": address, "provenance": {"predicateType": kind}}


def _tags(said: Any, manifests: dict[str, Any]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for tag, number in said.items() if isinstance(said, dict) else ():
        if isinstance(number, str) and number in manifests and _is_tag(tag):
            tags[tag] = number
    if "latest" not in tags and manifests:
        tags["latest"] = list(manifests)[-1]  # npm installs nothing without it
    return tags


def _is_tag(text: str) -> bool:
    try:
        return parse_tag(text) == text
    except Invalid:
        return False


def _signatures(said: Any) -> list[dict[str, str]]:
    found = []
    for each in said[:MOST_SIGNATURES] if isinstance(said, list) else ():
        keyid, text = (each.get("keyid"), each.get("sig")) if isinstance(each, dict) else (None, None)
        if isinstance(keyid, str) and isinstance(text, str):
            short = {"keyid": keyid[:MAX_SIGNATURE], "sig": text[:MAX_SIGNATURE]}
            found.append({word: _UNPRINTABLE.sub("?", value) for word, value in short.items()})
    return found


def _installs(manifest: dict[str, Any]) -> bool:
    scripts = manifest.get("scripts")
    found = isinstance(scripts, dict) and any(isinstance(scripts.get(each), str) for each in INSTALL_SCRIPTS)
    return bool(manifest.get("hasInstallScript")) or found


def _moment(text: Any) -> datetime | None:
    if not isinstance(text, str) or len(text) > 40:
        return None
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
        moment = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return moment if YEARS[0] <= moment.year <= YEARS[1] else None


def _is_plain(value: Any) -> bool:
    return value is not None and not has_key(value, FORBIDDEN)
