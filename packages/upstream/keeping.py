"""Writes what upstream said: the one door for rows about mirrored packages.

A version's bytes are what was first said of them. Nothing that was seen is forgotten; what changed is told.
"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts.models import Scope
from packages import blobs
from packages.models import Access, Mirror, MirrorAlert, Package
from packages.upstream import alerts, batches, comparing, reading
from packages.upstream.reading import Read
from packages.upstream.registries import Registry

Kind = MirrorAlert.Kind
MAX_KEYWORDS = 50


class Ours(Exception):
    """A package of ours has the name: local wins, and nothing of upstream's is kept under it."""


def found(mirror: Mirror, registry: Registry, read: Read, etag: str) -> Mirror:
    """Keep what upstream said now, and what it said first of each version's bytes.

    Older than what is here, it is not kept: upstream went back in time, and operators are told. Its time still counts
    as checked. Raises Ours.
    """
    known = Mirror.objects.get(pk=mirror.pk)
    if _is_older(known, read):
        text = (
            f"upstream shows {known.name} as it was before {known.modified_at:%d %B %Y %H:%M}; the newer state is kept"
        )
        alerts.alert(Kind.ROLLED_BACK, known.name, "", text)
        return unchanged(known)
    # All that takes time before the transaction: its flight keeps others away from this mirror.
    news = comparing.news(known, known.versions.all(), read)
    source = reading.pack(read.document)
    fresh, changed = batches.inserting(news.fresh), batches.saving(news.changed, comparing.COLUMNS)
    with transaction.atomic():
        row = Mirror.objects.select_for_update().get(pk=mirror.pk)
        fresh.write()
        changed.write()
        _write(row, registry, read, source, etag)
        row.save()
    for kind, number, text in news.told:
        alerts.alert(kind, row.name, number, text)
    return row


def unchanged(mirror: Mirror) -> Mirror:
    """Upstream says that what is here is still true."""
    _checked(mirror)
    mirror.save(update_fields=_CHECKED)
    return mirror


def missing(mirror: Mirror) -> Mirror:
    """Upstream has no such package, or has it no more; what is here of it stays."""
    was_found = mirror.state == Mirror.State.FOUND
    _checked(mirror)
    mirror.state = Mirror.State.GONE if mirror.package_id else Mirror.State.MISSING
    mirror.save(update_fields=[*_CHECKED, "state"])
    if was_found:
        alerts.alert(Kind.GONE, mirror.name, "", f"{mirror.name} is not upstream any more; what is here stays")
    return mirror


def failed(mirror: Mirror, failure: str) -> Mirror:
    """Upstream could not be asked, or said what nobody can use."""
    mirror.failed_at, mirror.failure, mirror.leased_until = timezone.now(), failure[:300], None
    mirror.save(update_fields=["failed_at", "failure", "leased_until"])
    return mirror


_CHECKED = ["checked_at", "failed_at", "failure", "leased_until"]


def _checked(mirror: Mirror) -> None:
    mirror.checked_at, mirror.failed_at, mirror.failure, mirror.leased_until = timezone.now(), None, "", None


def _is_older(row: Mirror, read: Read) -> bool:
    return bool(row.modified_at and read.modified_at and read.modified_at < row.modified_at)


def _write(row: Mirror, registry: Registry, read: Read, source: bytes, etag: str) -> None:
    _checked(row)
    if source != bytes(row.source) or row.state != Mirror.State.FOUND:
        row.revision += 1
    row.source, row.is_full, row.etag = source, read.is_full, etag[:200]
    row.state, row.upstream, row.latest = Mirror.State.FOUND, registry.host, read.latest
    latest = read.versions.get(read.latest)
    row.latest_at = latest.published_at if latest and latest.published_at else row.latest_at
    row.modified_at = read.modified_at or row.modified_at
    row.package = _package(row, read)


def _package(row: Mirror, read: Read) -> Package:
    defaults = {"mirrored": True, "access": Access.PUBLIC}
    package = Package.objects.get_or_create(name=row.name, defaults=defaults)[0]
    package = Package.objects.select_for_update().get(pk=package.pk)  # a tarball of it may come in right now
    if not package.mirrored:
        raise Ours
    latest = read.versions.get(read.latest)
    manifest = read.document["versions"].get(read.latest, {})
    description, keywords = manifest.get("description"), manifest.get("keywords")
    known = row.versions.filter(number=read.latest).select_related("version").first()
    package.description = description if isinstance(description, str) else package.description
    if isinstance(keywords, list):
        package.keywords = [word for word in keywords if isinstance(word, str)][:MAX_KEYWORDS]
    package.license = latest.license if latest and latest.license else package.license
    package.deprecated = bool(latest and latest.deprecated)
    package.latest = known.version if known and known.quarantined_at is None else None
    package.modified_at = read.modified_at or package.modified_at
    package.revision += 1
    package.save(update_fields=_TOLD)
    return package


_TOLD = ["description", "keywords", "license", "deprecated", "latest", "modified_at", "revision"]


def purge(name: str) -> None:
    """Take away what is mirrored under a name that is ours now, but not what was first said of its bytes."""
    with transaction.atomic():
        Mirror.objects.filter(name=name).update(package=None, state=Mirror.State.NEW, source=b"", checked_at=None)
        package = Package.objects.select_for_update().filter(name=name, mirrored=True).first()
        if package is None:
            return
        keys = list(package.versions.values_list("blob", flat=True))
        Package.objects.filter(pk=package.pk).update(latest=None)
        package.versions.all().delete()
        package.delete()
    for key in keys:
        blobs.discard(key)
    alerts.alert(Kind.SHADOWED, name, "", f"{name} is ours now; what was mirrored under that name was taken away")


def purge_scope(scope: str) -> None:
    """As `purge`, for every name of a scope."""
    for name in Package.objects.filter(mirrored=True, name__startswith=f"@{scope}/").values_list("name", flat=True):
        purge(name)


def scope_was_saved(sender, instance: Scope, created: bool, **more) -> None:
    """Somebody here took a name: what upstream has under that scope is not served any more. For a signal."""
    if created:
        transaction.on_commit(lambda: purge_scope(instance.name))
