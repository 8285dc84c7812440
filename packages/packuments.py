"""Packuments: the parts that versions add to them, and the stored bytes that clients get."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from accounts.names import NO_REPLY_DOMAIN
from packages import kept
from packages.deflating import unpacked
from packages.kept import Ready
from packages.models import BASE_MARK, Content, Document, Package, Permission, PersonGrant, Version
from packages.names import PackageName
from registry_site.errors import Unavailable
from registry_site.prepared import PreparedQuery

_ESCAPED_MARK = orjson.dumps(BASE_MARK).decode().strip('"')
README_SHOWN = 64 * 1024  # what the public registry keeps of a readme in a packument
COPIED = "description keywords license author contributors bugs homepage repository".split()
# What an install reads; the format's own list, and funding and acceptDependencies that npm 7 and later read too.
ABBREVIATED = """name version dependencies optionalDependencies devDependencies bundleDependencies peerDependencies
    peerDependenciesMeta bin directories dist engines cpu os libc _hasShrinkwrap hasInstallScript funding
    acceptDependencies""".split()


@dataclass(frozen=True)
class Packument:
    """The bytes of one answer, in chunks when they are many, and the strong ETag that names them."""

    body: bytes | Iterator[bytes]
    etag: str


class Changed(Unavailable):
    """The package is not of the revision any more that it was found with."""


def version_parts(name: PackageName, manifest: dict[str, Any], dist: dict[str, Any]) -> tuple[str, str]:
    """A version's parts of the full and the abbreviated packument, made once when it is published.

    dist: everything but the tarball's address, which is put in front when a document is built.
    """
    mark = _mark()
    link = f"{mark}/{name.full}/-/{name.tarball(manifest['version'])}"
    full = manifest | {"dist": dist | {"tarball": link}}
    short = {key: full[key] for key in ABBREVIATED if key in full}
    whole, abbreviated = (orjson.dumps(part).decode().replace(mark, BASE_MARK) for part in (full, short))
    return whole, abbreviated


def amend(content: Content, **dist: Any) -> None:
    """Say more in the `dist` of a version's parts, or say it anew; the row is not saved.

    dist: an address of this registry in it begins with BASE_MARK, as in the parts themselves.
    """
    mark = _mark()
    said = orjson.loads(orjson.dumps(dist).decode().replace(_ESCAPED_MARK, mark))
    for field in ("full", "abbreviated"):
        part = orjson.loads(getattr(content, field).replace(BASE_MARK, mark))
        part["dist"] |= said
        setattr(content, field, orjson.dumps(part).decode().replace(mark, BASE_MARK))
    content.__dict__.pop("manifest", None)  # it was read from the part that is gone


def revision_of(package: Package) -> str:
    """The `_rev` of a package: it changes with every change, and clients send it back unread."""
    seal = hashlib.sha256(f"{package.name}:{package.revision}".encode()).hexdigest()[:32]
    return f"{package.revision}-{seal}"


def read(package: Package, base: str, *, abbreviated: bool, compressed: bool, known: str = "") -> Packument | None:
    """The packument of this revision under an address, from memory or as stored; built first when that is stale.

    base: the registry's address as the client uses it, without a last slash.
    known: the client's If-None-Match. Returns None when the client has these bytes already.
    Raises Changed when the package is not of this revision any more: what was asked about it has to be asked again.
    """
    form = "abbreviated" if abbreviated else "full"
    key = (package.name, package.pk, package.revision, base, form)
    ready = kept.get(key)
    if ready is None:
        ready = _stored(package, base, form)
        kept.put(key, ready)
    etag = f'"{ready.etag}-gz"' if compressed else f'"{ready.etag}"'
    if known and matches(known, etag):
        return None
    return Packument(ready.body if compressed else unpacked(ready.body), etag)


def _stored(package: Package, base: str, form: str) -> Ready:
    document = _DOCUMENT[form].first(package.pk, base, package.revision) or _rebuild(package, base)
    if document.revision != package.revision:
        raise Changed("the package changed meanwhile; try again")
    return Ready(getattr(document, f"{form}_etag"), bytes(getattr(document, f"{form}_gzip")))


def _document(form: str) -> PreparedQuery:
    columns = ("revision", f"{form}_etag", f"{form}_gzip")
    return PreparedQuery(
        lambda key, base, revision: Document.objects.filter(package=key, base=base, revision=revision).only(*columns),
        int, str, int,
    )  # fmt: skip


_DOCUMENT = {form: _document(form) for form in ("full", "abbreviated")}


def maintainers(package: Package) -> list[dict[str, str]]:
    """Who answers for a package: the org, or the scope's user and everyone with read-write, or the owners."""
    return maintainers_of([package])[package.pk]


def maintainers_of(packages: Iterable[Package]) -> dict[int, list[dict[str, str]]]:
    """The maintainers of each package, by its id; one query for all of them."""
    listed = list(packages)
    granted: dict[int, list[str]] = {package.pk: [] for package in listed}
    rows = PersonGrant.objects.filter(package__in=[package.pk for package in listed if not package.in_org])
    rows = rows.exclude(permission=Permission.READ).order_by("created_at", "pk")
    for key, name in rows.values_list("package", "user__username"):
        granted[key].append(name)
    return {package.pk: _maintainers(package, granted[package.pk]) for package in listed}


def _maintainers(package: Package, granted: list[str]) -> list[dict[str, str]]:
    holder = package.scope is not None and (package.in_org or package.scope.user_id is not None)
    names = [package.scope.name, *granted] if holder else granted
    return [{"name": name, "email": f"{name}@{NO_REPLY_DOMAIN}"} for name in dict.fromkeys(names)]


def manifest_of(version: Version, base: str) -> bytes:
    """The manifest of one version, as `GET /PKG/VERSION` gives it."""
    return with_deprecation(version.full, version.deprecated).replace(BASE_MARK, base).encode()


def _mark() -> str:
    return secrets.token_hex(16)  # JSON would escape the mark, and the text has to hold it as itself


def _rebuild(package: Package, base: str) -> Document:
    from packages.building import build  # it stands on this module

    return build(package, base)


def with_deprecation(part: str, message: str) -> str:
    """A version's part of a packument with the warning that is on it; "" for none."""
    return f'{part[:-1]},"deprecated":{orjson.dumps(message).decode()}}}' if message else part


def matches(known: str, etag: str) -> bool:
    """Whether an If-None-Match names this strong ETag, or the one of the same bytes compressed or not."""
    tags = [tag.strip().removeprefix("W/") for tag in known.split(",")]
    plain = etag.replace("-gz", "")
    return "*" in tags or any(tag.replace("-gz", "") == plain for tag in tags)
