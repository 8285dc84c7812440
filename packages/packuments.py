"""The one builder of packuments: from rows to the stored bytes that clients get."""

from __future__ import annotations

import gzip
import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import transaction

from accounts.names import NO_REPLY_DOMAIN
from packages.models import BASE_MARK, Content, Document, Package, Permission, PersonGrant, Version
from packages.names import PackageName
from registry_site.errors import Unavailable
from registry_site.moments import iso

_ESCAPED_MARK = orjson.dumps(BASE_MARK).decode().strip('"')
README_SHOWN = 64 * 1024  # what the public registry keeps of a readme in a packument
MOST_ADDRESSES = 8  # addresses one package keeps documents for; ALLOWED_HOSTS seldom has more
COPIED = "description keywords license author contributors bugs homepage repository".split()
# What an install reads; the format's own list, and funding and acceptDependencies that npm 7 and later read too.
ABBREVIATED = """name version dependencies optionalDependencies devDependencies bundleDependencies peerDependencies
    peerDependenciesMeta bin directories dist engines cpu os libc _hasShrinkwrap hasInstallScript funding
    acceptDependencies""".split()


@dataclass(frozen=True)
class Packument:
    """The bytes of one answer, and the strong ETag that names them."""

    body: bytes
    etag: str


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
    """The packument of this revision under an address, from the stored bytes; built first when they are stale.

    base: the registry's address as the client uses it, without a last slash.
    known: the client's If-None-Match. Returns None when the client has these bytes already.
    """
    form = "abbreviated" if abbreviated else "full"
    fresh = Document.objects.filter(package=package, base=base, revision=package.revision)
    digest = fresh.values_list(f"{form}_etag", flat=True).first() or getattr(_rebuild(package, base), f"{form}_etag")
    etag = f'"{digest}-gz"' if compressed else f'"{digest}"'
    if known and matches(known, etag):
        return None
    same = Document.objects.filter(package=package, base=base, **{f"{form}_etag": digest})
    body = same.values_list(f"{form}_gzip" if compressed else form, flat=True).first()
    if body is None:
        raise Unavailable("the package changed meanwhile; try again")
    return Packument(bytes(body), etag)


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
    return _with_deprecation(version.full, version.deprecated).replace(BASE_MARK, base).encode()


def _mark() -> str:
    return secrets.token_hex(16)  # JSON would escape the mark, and the text has to hold it as itself


def _rebuild(package: Package, base: str) -> Document:
    for _ in range(5):
        package = Package.objects.select_related("scope__user", "latest").get(pk=package.pk)
        document = Document(package=package, base=base, revision=package.revision, **_bytes(package, base))
        if Package.objects.filter(
            pk=package.pk, revision=package.revision
        ).exists():  # nothing changed under the builder
            _store(document)
            return document
    raise Unavailable("the package is changing; try again")


def _store(document: Document) -> None:
    columns = [field.name for field in Document._meta.concrete_fields if field.name not in ("id", "package", "base")]
    with transaction.atomic():
        others = Document.objects.filter(package=document.package).exclude(base=document.base)
        others.exclude(revision=document.revision).delete()
        surplus = others.order_by("-pk").values_list("pk", flat=True)[MOST_ADDRESSES - 1 :]
        Document.objects.filter(pk__in=list(surplus)).delete()
        Document.objects.bulk_create(
            [document], update_conflicts=True, unique_fields=["package", "base"], update_fields=columns
        )


def _bytes(package: Package, base: str) -> dict[str, Any]:
    versions = list(
        package.versions.listed()
        .order_by("published_at", "pk")
        .values_list("number", "full", "abbreviated", "deprecated", "published_at")
    )
    tags = dict(package.tags.values_list("name", "version__number"))
    head: dict[str, Any] = {"_id": package.name, "name": package.name, "_rev": revision_of(package), "dist-tags": tags}
    tail: dict[str, Any] = {
        "time": {"created": iso(package.created_at), "modified": iso(package.modified_at)}
        | {number: iso(at) for number, _, _, _, at in versions},
        "maintainers": maintainers(package),
    }
    if package.latest is not None:
        manifest = package.latest.manifest
        tail |= {field: manifest[field] for field in COPIED if field in manifest}
        tail |= {"readme": package.latest.readme[:README_SHOWN], "readmeFilename": package.latest.readme_filename}
    full = _join(head, {number: _with_deprecation(part, note) for number, part, _, note, _ in versions}, tail)
    short = _join(
        {"name": package.name, "modified": iso(package.modified_at), "dist-tags": tags},
        {number: _with_deprecation(part, note) for number, _, part, note, _ in versions},
        {"time": tail["time"]},
    )
    found: dict[str, Any] = {}
    for form, text in (("full", full), ("abbreviated", short)):
        body = text.replace(BASE_MARK, base).encode()
        found[form] = body
        found[f"{form}_gzip"] = gzip.compress(body, 6, mtime=0)
        found[f"{form}_etag"] = hashlib.blake2b(body, digest_size=16).hexdigest()
    return found


def _join(head: dict[str, Any], versions: dict[str, str], tail: dict[str, Any]) -> str:
    middle = ",".join(f"{orjson.dumps(number).decode()}:{part}" for number, part in versions.items())
    first, last = orjson.dumps(head).decode(), orjson.dumps(tail).decode()
    return f'{first[:-1]},"versions":{{{middle}}},{last[1:]}'


def _with_deprecation(part: str, message: str) -> str:
    return f'{part[:-1]},"deprecated":{orjson.dumps(message).decode()}}}' if message else part


def matches(known: str, etag: str) -> bool:
    """Whether an If-None-Match names this strong ETag, or the one of the same bytes compressed or not."""
    tags = [tag.strip().removeprefix("W/") for tag in known.split(",")]
    plain = etag.replace("-gz", "")
    return "*" in tags or any(tag.replace("-gz", "") == plain for tag in tags)
