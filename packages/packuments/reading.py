"""Packuments as clients get them: out of memory, out of the database, or built."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from packages.models import Document, Package
from packages.packuments import building, kept
from packages.packuments.deflating import unpacked
from packages.packuments.kept import Ready
from registry_site.errors import Unavailable
from registry_site.prepared import PreparedQuery


@dataclass(frozen=True)
class Packument:
    """The bytes of one answer, in chunks when they are many, and the strong ETag that names them."""

    body: bytes | Iterator[bytes]
    etag: str


class Changed(Unavailable):
    """The package is not of the revision any more that it was found with."""


def read(package: Package, base: str, *, abbreviated: bool, compressed: bool, known: str = "") -> Packument | None:
    """The packument of this revision under an address, from memory or as stored; built first when that is stale.

    base: the registry's address as the client uses it, without a last slash.
    known: the client's If-None-Match. Returns None when the client has these bytes already.
    Raises Changed when the package is not of this revision any more: what was asked about it has to be asked again.
    """
    form = "abbreviated" if abbreviated else "full"
    key = (package.name, package.pk, package.revision, base, form)
    return answer(kept.of(key, lambda: _stored(package, base, form)), compressed=compressed, known=known)


def answer(ready: Ready, *, compressed: bool, known: str = "") -> Packument | None:
    """A document as a client takes it: compressed or plain. known: as `read` takes it, and None as `read` gives it."""
    etag = f'"{ready.etag}-gz"' if compressed else f'"{ready.etag}"'
    if known and _matches(known, etag):
        return None
    return Packument(ready.body if compressed else unpacked(ready.body), etag)


def _stored(package: Package, base: str, form: str) -> Ready:
    document = _DOCUMENT[form].first(package.pk, base, package.revision) or building.build(package, base)
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


def _matches(known: str, etag: str) -> bool:
    # The ETag itself, or the one of the same bytes compressed or not.
    tags = [tag.strip().removeprefix("W/") for tag in known.split(",")]
    plain = etag.replace("-gz", "")
    return "*" in tags or any(tag.replace("-gz", "") == plain for tag in tags)
