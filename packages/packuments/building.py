"""The one builder of packuments: from rows to the stored bytes that clients get."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakValueDictionary

import orjson
from django.db import OperationalError, transaction
from django.db.models import F

from packages.models import Document, DocumentPart, Package
from packages.packuments import runs
from packages.packuments.deflating import Fragment, Joined, fragment, join
from packages.packuments.parts import COPIED, README_SHOWN, revision_of
from packages.packuments.people import maintainers
from packages.packuments.runs import Parts
from registry_site.errors import Unavailable
from registry_site.moments import iso

logger = logging.getLogger(__name__)

MOST_ADDRESSES = 8  # addresses one package keeps documents for; ALLOWED_HOSTS seldom has more
AHEAD = 2  # of them, how many whoever changes a package builds documents for
PATIENCE = 20  # seconds to wait for another thread that builds the same
ROUNDS = 5
_COLUMNS = [field.name for field in Document._meta.concrete_fields if field.name not in ("id", "package", "base")]
_COMMA = fragment([b","])


def build(package: Package, base: str) -> Document:
    """The document of a package as it is now, under an address, and stored; nothing is built that is there.

    base: the registry's address as the client uses it, without a last slash.
    Raises Unavailable when the package changes all the time.
    """
    with _alone(package.pk, base):
        current = Document.objects.filter(package=package.pk, base=base, revision=F("package__revision"))
        return current.first() or _build(package.pk, base)


def anew(package: Package, base: str) -> tuple[Joined, Joined]:
    """The full and the abbreviated document, made from rows alone and not stored; for whoever doubts those that are."""
    return _joined(package, runs.read(package, base, anew=True))


def build_ahead(package: Package) -> None:
    """Build the documents that readers of a package had before, so that the next ones find them.

    For whoever changed the package, after the commit.
    """
    known = Document.objects.filter(package=package.pk).order_by("-revision", "-pk")
    for base, revision in known.values_list("base", "revision")[:AHEAD]:
        if revision < package.revision:
            build(package, base)


_builders: WeakValueDictionary[tuple[int, str], Any] = WeakValueDictionary()
_choosing = threading.Lock()


@contextmanager
def _alone(package_id: int, base: str) -> Iterator[None]:
    with _choosing:
        lock = _builders.setdefault((package_id, base), threading.Lock())
    taken = lock.acquire(timeout=PATIENCE)  # whoever waits longer builds, too: better twice than not at all
    try:
        yield
    finally:
        if taken:
            lock.release()


def _build(package_id: int, base: str) -> Document:
    for _ in range(ROUNDS):
        package = Package.objects.select_related("scope__user", "latest").get(pk=package_id)
        parts = runs.read(package, base)
        full, abbreviated = _joined(package, parts)
        document = Document(
            package=package,
            base=base,
            revision=package.revision,
            full_etag=full.etag,
            full_size=full.size,
            full_gzip=full.packed,
            abbreviated_etag=abbreviated.etag,
            abbreviated_size=abbreviated.size,
            abbreviated_gzip=abbreviated.packed,
        )
        if Package.objects.filter(pk=package_id, revision=package.revision).exists():  # nothing changed meanwhile
            _keep(document, parts)
            return document
    raise Unavailable("the package is changing; try again")


def _joined(package: Package, parts: Parts) -> tuple[Joined, Joined]:
    tags = dict(package.tags.values_list("name", "version__number"))
    modified = iso(package.modified_at)
    full = {"_id": package.name, "name": package.name, "_rev": revision_of(package), "dist-tags": tags}
    short = {"name": package.name, "modified": modified, "dist-tags": tags}
    moments = orjson.dumps({"created": iso(package.created_at), "modified": modified})
    times = [fragment([b'},"time":' + moments[:-1]]), *(part.times for part in parts.every)]
    about = fragment([b"}," + orjson.dumps(_about(package))[1:]])
    return (
        join([_head(full), *_listed(part.full for part in parts.every), *times, about]),
        join([_head(short), *_listed(part.abbreviated for part in parts.every), *times, fragment([b"}}"])]),
    )


def _head(said: dict[str, Any]) -> Fragment:
    return fragment([orjson.dumps(said)[:-1] + b',"versions":{'])


def _listed(fragments: Iterator[Fragment]) -> Iterator[Fragment]:
    filled = (each for each in fragments if each.size)
    for place, each in enumerate(filled):
        if place:
            yield _COMMA
        yield each


def _about(package: Package) -> dict[str, Any]:
    said: dict[str, Any] = {"maintainers": maintainers(package)}
    if package.latest is not None:
        manifest = package.latest.manifest
        said |= {field: manifest[field] for field in COPIED if field in manifest}
        said |= {"readme": package.latest.readme[:README_SHOWN], "readmeFilename": package.latest.readme_filename}
    return said


def _keep(document: Document, parts: Parts) -> None:
    try:
        _store(document, parts)
    except OperationalError:  # a full disk, say: it is right all the same, and reading goes on
        logger.warning("a document of %s could not be kept", document.package.name, exc_info=True)


def _store(document: Document, parts: Parts) -> None:
    others = Document.objects.filter(package=document.package).exclude(base=document.base).order_by("-revision", "-pk")
    surplus = list(others.values_list("pk", flat=True)[MOST_ADDRESSES - 1 :])
    with transaction.atomic():
        if surplus:
            DocumentPart.objects.filter(document__in=surplus).delete()
            Document.objects.filter(pk__in=surplus).delete()
        Document.objects.bulk_create(
            [document], update_conflicts=True, unique_fields=["package", "base"], update_fields=_COLUMNS
        )
        runs.keep(document, parts)
