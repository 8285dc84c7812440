"""Quarantine: an operator takes a version off the list, and whoever may read its package is told why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from accounts.actor import Actor
from packages import listing, telling
from packages.changes import maintaining
from packages.manifests import clean_message
from packages.models import Mirror, MirrorVersion, Package, Version
from registry_site.errors import Conflict, Invalid, NotFound, Quarantined

MAX_REASON = 500


def hold(actor: Actor, name: str, number: str, reason: str) -> None:
    """Take a version off the list until `lift`; nothing of it is lost, and its number stays used.

    It leaves documents, search and pages, and its tarball is refused with the reason. Tags that pointed at it go;
    `latest` moves to the highest version that is left. Those who manage the package are told by mail.
    A mirrored version is held whether or not anybody fetched it yet.
    reason: for everybody who may read the package. Raises NotAllowed for anybody but an operator, NotFound, Invalid
    for an empty reason, Conflict when it is in quarantine or unpublished and erased.
    """
    reason = clean_message(reason.strip())
    if not 0 < len(reason) <= MAX_REASON:
        raise Invalid(f"say why, in up to {MAX_REASON} characters; whoever may read the package sees it")
    with _kept_by_operators(actor, name, "version.quarantined", version=number, reason=reason) as package:
        if package.mirrored:
            _set_mirrored(package, number, timezone.now(), reason)
            return
        version = _version(package, number)
        if version.quarantined_at is not None:
            raise Conflict(f"{name}@{number} is in quarantine already")
        listing.take_off(package, [number], quarantined_at=timezone.now(), quarantine_reason=reason)
        package.modified_at = timezone.now()
        telling.quarantined(package, f"{name}@{number} was put into quarantine", f"An operator wrote: {reason}")


def lift(actor: Actor, name: str, number: str) -> None:
    """Put a version back on the list, with the tags that nobody moved meanwhile.

    One that was unpublished, too, stays unpublished. Raises NotAllowed for anybody but an operator, NotFound,
    Conflict when it is not in quarantine.
    """
    with _kept_by_operators(actor, name, "version.freed", version=number) as package:
        if package.mirrored:
            _set_mirrored(package, number, None, "")
            return
        version = _version(package, number)
        if version.quarantined_at is None:
            raise Conflict(f"{name}@{number} is not in quarantine")
        listing.put_back(package, [number], quarantined_at=None, quarantine_reason="")
        package.modified_at = timezone.now()
        telling.quarantined(package, f"{name}@{number} is out of quarantine", "An operator lifted it.")


def require_free(package: Package, number: str) -> None:
    """Raises Quarantined, with the reason, when this version of a package is in quarantine.

    package: found for an actor who may read it; nobody else is told.
    """
    held: QuerySet = package.versions.filter(number=number, unpublished_at=None)
    if package.mirrored:
        held = MirrorVersion.objects.filter(mirror__package=package, number=number)
    reason = held.exclude(quarantined_at=None).values_list("quarantine_reason", flat=True).first()
    if reason is not None:
        raise refusal(package, number, reason)


def refusal(package: Package, number: str, reason: str) -> Quarantined:
    """What whoever asks for the version is told."""
    return Quarantined(
        f"{package.name}@{number} is in quarantine: {reason}; "
        "install another version, or ask the operators of this registry"
    )


@contextmanager
def _kept_by_operators(actor: Actor, name: str, change: str, **facts) -> Iterator[Package]:
    package = _package(name)
    with transaction.atomic():
        # Whoever writes what upstream said locks the two rows in this order, too.
        Mirror.objects.select_for_update().only("pk").filter(package=package).first()
        with maintaining(package, actor, change, **facts) as package:
            yield package


def _set_mirrored(package: Package, number: str, at: datetime | None, reason: str) -> None:
    known = MirrorVersion.objects.select_related("mirror", "version")
    row = known.filter(mirror__package=package, number=number).first()
    if row is None:
        raise NotFound(f"upstream never listed {package.name}@{number} here; a rule can block it")
    if (row.quarantined_at is None) == (at is None):
        raise Conflict(f"{row} is {'not in quarantine' if at is None else 'in quarantine already'}")
    held = {"quarantined_at": at, "quarantine_reason": reason}
    MirrorVersion.objects.filter(pk=row.pk).update(**held)
    Version.objects.filter(pk=row.version_id).update(**held)
    Mirror.objects.filter(pk=row.mirror_id).update(revision=F("revision") + 1)  # its documents are made anew
    if row.number == row.mirror.latest:
        package.latest = None if at else row.version


def _package(name: str) -> Package:
    package = Package.objects.filter(name=name).first()
    if package is None:
        raise NotFound(f"there is no package {name}")
    return package


def _version(package: Package, number: str) -> Version:
    version = package.versions.filter(number=number, erased_at=None).first()
    if version is None:
        raise NotFound(f"{package.name} has no version {number}")
    return version
