"""A publish: everything its document claims about itself and its tarball, compared."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from packages.names import PackageName, clean_version, parse_tag
from packages.wire.intents import Spooled, Upload
from registry_site import strictjson
from registry_site.errors import Invalid, Malformed

ACCESS_LEVELS = {"public": "public", "restricted": "restricted", "private": "restricted"}
MAX_INTEGRITY = 512
MAX_TAGS = 10
MAX_PROVENANCE = 1024 * 1024

_NO_README = "ERROR: No README data found!"  # npm's own text where there is none


def read_upload(name: PackageName, document: dict[str, Any], key: str, tarball: Spooled) -> Upload:
    """Turn a publish document into an Upload.

    document: the body, the tarball's data left out; key: the name of the attachment that carried it.
    Raises Invalid when names, versions, sizes or hashes disagree, Malformed when a part has the wrong shape.
    """
    require_name(name, document, required=True)
    version, manifest = _published(name, document, key)
    _require_same_name(name, version, manifest)
    attachments = _attachments(document)
    _require_length(attachments[key], tarball)
    _require_hashes(manifest, tarball)
    return Upload(
        name=name.full,
        version=version,
        manifest=manifest,
        tags=_tags(document, version),
        access=_access(document.get("access")),
        tarball=tarball,
        provenance=_provenance(name, version, attachments, key),
        readme=_readme(manifest, document),
        readme_filename=_short_text(manifest.get("readmeFilename")),
    )


def require_name(name: PackageName, document: dict[str, Any], *, required: bool = False) -> None:
    """Refuse a document that is about another package than its address. Raises Invalid."""
    for key in ("_id", "name"):
        if document.get(key, name.full) != name.full or (required and "name" not in document):
            raise Invalid(f"the address is about {name.full}, the body is not", code="name_mismatch")


def _published(name: PackageName, document: dict[str, Any], key: str) -> tuple[str, dict[str, Any]]:
    versions = document.get("versions")
    if not isinstance(versions, dict):
        raise Malformed("versions is not an object", code="not_an_object")
    # npm 9 and older, told of a conflict, read the whole document, add their version and send it all: many versions,
    # a revision, and one tarball. Without a revision it is nobody's document.
    if len(versions) != 1 and "_rev" not in document:
        raise Invalid("a publish has exactly one version", code="one_version")
    matching = [text for text in versions if _is_tarball_of(name, text, key)]
    if len(matching) != 1:
        raise Invalid(f"the tarball's name is not that of a version of {name.full}", code="attachments")
    manifest = versions[matching[0]]
    if not isinstance(manifest, dict):
        raise Malformed("the version is not an object", code="not_an_object")
    return clean_version(matching[0]), manifest


def _is_tarball_of(name: PackageName, version: str, key: str) -> bool:
    # The scope is in the key (npm) or not (old clients). bun keeps `+build` in the key and drops it elsewhere.
    for stem in (f"{name.full}-", f"{name.base}-"):
        if key.startswith(stem) and _same_version(key.removeprefix(stem).removesuffix(".tgz"), version):
            return True
    return False


def _same_version(one: Any, other: str) -> bool:
    try:
        return isinstance(one, str) and clean_version(one) == clean_version(other)
    except Invalid:
        return False


def _require_same_name(name: PackageName, version: str, manifest: dict[str, Any]) -> None:
    identity = manifest.get("_id", f"{name.full}@{version}")
    stem, _, number = identity.rpartition("@") if isinstance(identity, str) else ("", "", "")
    if manifest.get("name") != name.full or stem != name.full or not _same_version(number, version):
        raise Invalid(f"the manifest is not that of {name.full}@{version}", code="name_mismatch")
    if not _same_version(manifest.get("version"), version):
        raise Invalid(f"the manifest of version {version} names another version", code="version_mismatch")


def _attachments(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    # Merged documents echo stubs of older tarballs; what carries no data is nothing sent.
    entries = document["_attachments"].items()
    return {key: entry for key, entry in entries if isinstance(entry, dict) and "data" in entry}


def _provenance(name: PackageName, version: str, attachments: dict[str, dict[str, Any]], key: str) -> str | None:
    others = [other for other in attachments if other != key]
    if not others:
        return None
    stem = others[0].removesuffix(".sigstore")
    if len(others) > 1 or stem == others[0] or not _is_tarball_of(name, version, f"{stem}.tgz"):
        raise Invalid("a publish carries one tarball and at most one provenance bundle", code="attachments")
    bundle = attachments[others[0]]["data"]
    # Plain JSON text, not base64.
    if not isinstance(bundle, str) or len(bundle) > MAX_PROVENANCE or not _is_json_object(bundle):
        raise Invalid("the provenance bundle is not a JSON document", code="provenance")
    return bundle


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(strictjson.read(text.encode(), limit=4 * MAX_PROVENANCE), dict)
    except Malformed:
        return False


def _require_length(attachment: dict[str, Any], tarball: Spooled) -> None:
    length = attachment.get("length", tarball.size)
    if isinstance(length, bool) or length != tarball.size:
        raise Invalid(f"the tarball has {tarball.size} bytes, its length says otherwise", code="length_mismatch")


def _require_hashes(manifest: dict[str, Any], tarball: Spooled) -> None:
    dist = manifest.get("dist", {})
    if not isinstance(dist, dict):
        raise Malformed("dist is not an object", code="not_an_object")
    if dist.get("shasum", tarball.sha1) != tarball.sha1:
        raise Invalid("the tarball differs from dist.shasum; publish again", code="shasum_mismatch")
    # npm 2 has no integrity. Ours is what is stored; the client's is only compared.
    if "integrity" in dist and not _is_integrity_of(dist["integrity"], tarball):
        raise Invalid("the tarball differs from dist.integrity; publish again", code="integrity_mismatch")


def _is_integrity_of(text: Any, tarball: Spooled) -> bool:
    if not isinstance(text, str) or len(text) > MAX_INTEGRITY:
        return False
    expected = {"sha512": tarball.sha512, "sha1": bytes.fromhex(tarball.sha1)}
    algorithms = []
    for part in text.split():
        algorithm, _, digest = part.partition("-")
        if algorithm not in expected or _decoded(digest) != expected[algorithm]:
            return False
        algorithms.append(algorithm)
    return algorithms.count("sha512") == 1 and algorithms.count("sha1") <= 1


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _tags(document: dict[str, Any], version: str) -> tuple[str, ...]:
    tags = document.get("dist-tags", {})
    if not isinstance(tags, dict):
        raise Malformed("dist-tags is not an object", code="not_an_object")
    mine = [tag for tag, target in tags.items() if _same_version(target, version)]
    if tags and not mine:
        raise Invalid(f"no dist-tag names version {version}", code="dist_tags")
    if len(mine) > MAX_TAGS:
        raise Invalid(f"a publish sets at most {MAX_TAGS} tags", code="dist_tags")
    return tuple(map(parse_tag, mine))


def _access(level: Any) -> str | None:
    if level is None:
        return None
    if not isinstance(level, str) or level not in ACCESS_LEVELS:
        raise Invalid("access is public or restricted", code="access")
    return ACCESS_LEVELS[level]


def _readme(manifest: dict[str, Any], document: dict[str, Any]) -> str | None:
    # npm 7 and newer send it in the version, npm 2, 6 and yarn at the root.
    texts = (manifest.get("readme"), document.get("readme"))
    return next((text for text in texts if isinstance(text, str) and text and text != _NO_README), None)


def _short_text(value: Any) -> str | None:
    return value if isinstance(value, str) and len(value) <= 255 else None
