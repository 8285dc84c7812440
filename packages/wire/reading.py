"""Reads a body from its stream, whole or in pieces, and says what it means."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from packages.names import PackageName
from packages.wire.intents import Deprecation, OwnerList, Stars, Unpublication, Upload
from packages.wire.scanner import Scanner
from packages.wire.spool import MEGABYTE, Spool, tarball_too_large
from packages.wire.uploads import ACCESS_LEVELS, read_upload, require_name
from registry_site import strictjson
from registry_site.errors import Invalid, Malformed

CHUNK = 256 * 1024
MAX_DOCUMENT = 16 * MEGABYTE  # what may surround a tarball: manifest, provenance, a README that npm 6 sends twice
MAX_EDITED_DOCUMENT = 32 * MEGABYTE  # a document of thousands of versions, sent back to change one field


class Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


def read_put(
    name: PackageName, stream: Stream, length: int, *, spool: Path, max_tarball: int
) -> Upload | Deprecation | Stars:
    """Read the body of `PUT /PKG`. It is a publish if, and only if, an attached tarball carries data.

    length: the Content-Length; exactly so many bytes are read.
    spool: an existing folder for the tarball. The file is the caller's on return, and gone after any refusal.
    max_tarball: bytes, decoded.
    Raises Malformed, Invalid, TooLarge.
    Source: `npm publish`, `npm deprecate`, `npm undeprecate`, `npm star`, `npm unstar`.
    """
    if length > max_tarball * 4 // 3 + MAX_DOCUMENT and length > MAX_EDITED_DOCUMENT:
        raise tarball_too_large(max_tarball)
    sink = Spool(spool, max_tarball)
    try:
        scanner = Scanner(limit=MAX_EDITED_DOCUMENT, limit_with_tarball=MAX_DOCUMENT, sink=sink)
        _scan(scanner, stream, length)
        if scanner.tarball_key is None:
            return _read_edit(name, _document(scanner, edit=True))
        return read_upload(name, _document(scanner), scanner.tarball_key, sink.spooled())
    except BaseException:
        sink.discard()
        raise


def read_revision_put(name: PackageName, stream: Stream, length: int) -> Unpublication | OwnerList | Stars:
    """Read the body of `PUT /PKG/-rev/REV`.

    Raises Malformed, Invalid, TooLarge.
    Source: `npm unpublish PKG@VERSION`, `npm owner add|rm`, and pnpm's last way to star.
    """
    scanner = Scanner(limit=MAX_EDITED_DOCUMENT)
    _scan(scanner, stream, length)
    document = _document(scanner, edit=True)
    require_name(name, document)
    revision = _optional_text(document, "_rev")
    if "versions" in document:
        kept = frozenset(_mapping(document, "versions"))
        return Unpublication(revision, kept, _tags(document), _users(document) if "users" in document else None)
    if "maintainers" in document:
        return OwnerList(revision, _owners(document["maintainers"]))
    if "users" in document:
        return Stars(_users(document))
    raise Malformed("the body has neither versions nor maintainers", code="unknown_intent")


def read_access(body: Any) -> str:
    """The level asked for, "public" or "restricted", out of parsed JSON.

    Raises Malformed when the body has none, Invalid for another word.
    Source: `npm access set status=public|private PKG`.
    """
    if not isinstance(body, dict) or not isinstance(body.get("access"), str):
        raise Malformed('the body is {"access": "public"} or {"access": "restricted"}')
    try:
        return ACCESS_LEVELS[body["access"]]
    except KeyError:
        raise Invalid("access is public or restricted", code="access") from None


def _scan(scanner: Scanner, stream: Stream, length: int) -> None:
    for chunk in _chunks(stream, length):
        scanner.feed(chunk)
    scanner.close()


def _chunks(stream: Stream, length: int) -> Iterator[bytes]:
    if length <= 0:
        raise Malformed("the body is empty", code="empty_body")
    missing = length
    while missing:
        chunk = stream.read(min(CHUNK, missing))
        if not chunk:
            raise Malformed("the body is shorter than its Content-Length", code="cut_off")
        missing -= len(chunk)
        yield chunk


def _document(scanner: Scanner, *, edit: bool = False) -> dict[str, Any]:
    document = strictjson.loads(scanner.skeleton, edit=edit)
    if not isinstance(document, dict):
        raise Malformed("the body is not an object", code="not_an_object")
    return document


def _read_edit(name: PackageName, document: dict[str, Any]) -> Deprecation | Stars:
    require_name(name, document)
    attachments = document.get("_attachments")
    sent = attachments.values() if isinstance(attachments, dict) else ()
    if any(isinstance(part, dict) and "data" in part for part in sent):
        raise Invalid("the publish carries no tarball: nothing attached is named NAME-VERSION.tgz", code="attachments")
    revision = _optional_text(document, "_rev")
    if revision is None:
        raise Malformed("the body has no tarball and no _rev: it neither publishes nor edits", code="unknown_intent")
    if "versions" in document:
        return Deprecation(revision, dict(_messages(_mapping(document, "versions"))))
    if "users" in document:
        return Stars(_users(document))
    raise Malformed("the body has neither versions nor users", code="unknown_intent")


def _messages(versions: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for version, manifest in versions.items():
        if not isinstance(manifest, dict):
            raise Malformed(f"version {version} is not an object", code="not_an_object")
        if "deprecated" in manifest:
            # Old documents say `false` for "no longer".
            message = manifest["deprecated"] or ""
            if not isinstance(message, str):
                raise Invalid("a deprecation message is a text", code="message")
            yield version, message


def _owners(entries: Any) -> tuple[str, ...]:
    # E-mail addresses come along and are ignored: they are not the caller's to change.
    people = entries if isinstance(entries, list) else [None]
    names = [person.get("name") if isinstance(person, dict) else None for person in people]
    owners = tuple(dict.fromkeys(name for name in names if isinstance(name, str)))
    if not all(isinstance(name, str) for name in names):
        raise Malformed("maintainers is a list of people with names", code="maintainers")
    return owners


def _users(document: dict[str, Any]) -> frozenset[str]:
    return frozenset(user for user, starred in _mapping(document, "users").items() if starred)


def _tags(document: dict[str, Any]) -> dict[str, str]:
    tags = _mapping(document, "dist-tags") if "dist-tags" in document else {}
    if not all(isinstance(version, str) for version in tags.values()):
        raise Malformed("a tag names a version", code="dist_tags")
    return tags


def _mapping(document: dict[str, Any], key: str) -> dict[str, Any]:
    if not isinstance(document[key], dict):
        raise Malformed(f"{key} is not an object", code="not_an_object")
    return document[key]


def _optional_text(document: dict[str, Any], key: str) -> str | None:
    value = document.get(key)
    if value is not None and not isinstance(value, str):
        raise Malformed(f"{key} is not a text", code="not_a_text")
    return value
