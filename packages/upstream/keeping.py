"""Writes what upstream said: the one door for rows about mirrored packages.

A version's bytes are what was first said of them. Nothing that was seen is forgotten; what changed is told.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from accounts.models import Scope
from packages import blobs
from packages.models import Access, Mirror, MirrorAlert, MirrorVersion, Package
from packages.upstream import alerts, reading
from packages.upstream.reading import Listed, Read
from packages.upstream.registries import Registry

Kind = MirrorAlert.Kind
MAX_KEYWORDS = 50
BATCH = 500
_FACTS = ("tarball", "published_at", "deprecated", "license", "has_install_script")


class Ours(Exception):
    """A package of ours has the name: local wins, and nothing of upstream's is kept under it."""


def found(mirror: Mirror, registry: Registry, read: Read, etag: str) -> Mirror:
    """Keep what upstream said now, and what it said first of each version's bytes.

    Older than what is here, it is not kept: upstream went back in time, and operators are told. Its time still counts
    as checked. Raises Ours.
    """
    told: list[tuple[str, str, str]] = []
    with transaction.atomic():
        row = Mirror.objects.select_for_update().get(pk=mirror.pk)
        if _is_older(row, read):
            text = (
                f"upstream shows {row.name} as it was before {row.modified_at:%d %B %Y %H:%M}; the newer state is kept"
            )
            told.append((Kind.ROLLED_BACK, "", text))
            _checked(row)
        else:
            told += _versions(row, read)
            _write(row, registry, read, etag)
        row.save()
    for kind, number, text in told:
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


def _write(row: Mirror, registry: Registry, read: Read, etag: str) -> None:
    _checked(row)
    source = reading.pack(read.document)
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
    package = row.package or Package.objects.get_or_create(name=row.name, defaults=defaults)[0]
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
    package.save()
    return package


def _versions(row: Mirror, read: Read) -> list[tuple[str, str, str]]:
    told: list[tuple[str, str, str]] = []
    known = {each.number: each for each in row.versions.all()}
    fresh = [_new(row, listed) for number, listed in read.versions.items() if number not in known]
    changed = []
    for number, listed in read.versions.items():
        if number in known and _take(known[number], listed, read, told):
            changed.append(known[number])
    gone = [each for number, each in known.items() if number not in read.versions and each.removed_at is None]
    for each in gone:
        each.removed_at = timezone.now()
        told.append((Kind.REMOVED, each.number, f"upstream removed {row.name}@{each.number}"))
    MirrorVersion.objects.bulk_create(fresh, batch_size=BATCH)
    _update([*changed, *gone])
    return told


def _new(row: Mirror, listed: Listed) -> MirrorVersion:
    facts = {field: getattr(listed, field) for field in _FACTS}
    return MirrorVersion(mirror=row, number=listed.number, integrity=listed.integrity, shasum=listed.shasum, **facts)


def _take(known: MirrorVersion, listed: Listed, read: Read, told: list[tuple[str, str, str]]) -> bool:
    changed = known.removed_at is not None
    known.removed_at = None
    for name in _FACTS:
        value = getattr(listed, name)
        if name == "published_at" and known.published_at is not None:
            continue  # the first word counts; nobody makes a version older afterwards
        if name == "license" and not read.is_full and not value:
            continue  # short documents say nothing of it
        if getattr(known, name) != value:
            setattr(known, name, value)
            changed = True
    if _differs(known, listed):
        text = f"upstream says other bytes of {read.name}@{known.number} than it first did; the first ones count"
        told.append((Kind.CHANGED, known.number, text))
    elif listed.integrity and not known.integrity:
        known.integrity = listed.integrity
        changed = True
    dist = read.document["versions"][known.number]["dist"]
    for name in ("integrity", "shasum"):
        if value := getattr(known, name):
            dist[name] = value
    return changed


def _differs(known: MirrorVersion, listed: Listed) -> bool:
    here, there = reading.digest_of(known.integrity), reading.digest_of(listed.integrity)
    if here and there and here[0] == there[0]:
        return here[1] != there[1]
    return bool(known.shasum and listed.shasum and known.shasum != listed.shasum)


def _update(rows: Iterable[MirrorVersion]) -> None:
    columns = ["integrity", "shasum", "removed_at", *_FACTS]
    MirrorVersion.objects.bulk_update(list(rows), columns, batch_size=100)


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
