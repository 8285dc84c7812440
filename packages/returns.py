"""Versions that were unpublished: brought back by those who manage the package, or, after some time, gone for good."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from accounts.actor import Actor
from packages import access, blobs, listing, plans
from packages.access import Action
from packages.changes import changing, maintaining
from packages.models import Package, Version
from packages.models.core import VersionSet
from registry_site.errors import NotFound

_BACK = {"unpublished_at": None}


def until(unpublished_at: datetime) -> datetime:
    """When what was unpublished then can no longer be brought back."""
    return unpublished_at + timedelta(days=settings.UNPUBLISHED_DAYS)


def restorable(package: Package) -> VersionSet:
    """The unpublished versions of a package that can still be brought back, the last unpublished first."""
    since = timezone.now() - timedelta(days=settings.UNPUBLISHED_DAYS)
    found = package.versions.filter(unpublished_at__gt=since, erased_at=None)
    return found.order_by("-unpublished_at", "-published_at", "-pk")


def find(actor: Actor, name: str) -> Package:
    """The package of this name that was unpublished whole and can come back, for those who may manage it.

    Raises NotFound in the words of a missing name, SignInRequired.
    """
    package = access.find_unpublished(actor, name)
    if not restorable(package).exists():
        raise access.missing(actor, name)
    return package


def restore_version(actor: Actor, name: str, number: str) -> None:
    """List an unpublished version again: the same bytes, with the tags that nobody moved meanwhile.

    Raises NotFound when there is no such version to bring back; else as `access.find`.
    """
    package = access.find(actor, Action.MANAGE, name)
    with changing(package, actor, "version.restored", version=number) as package:
        if not restorable(package).filter(number=number).exists():
            raise NotFound(f"{name}@{number} cannot be restored: it is listed, or its {_days()} are over")
        listing.put_back(package, [number], **_BACK)


def restore(actor: Actor, name: str) -> None:
    """Bring a package back that was unpublished whole, with the access level it had.

    The versions that went with it return; those that were unpublished before stay so. Raises as `find`, and
    PaymentRequired where the plan of its scope ended.
    """
    package = find(actor, name)
    numbers = list(_last(package).values_list("number", flat=True))
    with changing(package, actor, "package.restored", count=len(numbers)) as package:
        if package.unpublished_at is None:
            raise NotFound(f"{name} is listed already")
        package.unpublished_at = None
        package.access, package.access_was = package.access_was or package.access, ""
        plans.require_paid_scope(package.scope, package.access)
        listing.put_back(package, numbers, **_BACK)


def erase(actor: Actor) -> list[str]:
    """Remove the bytes of what can no longer be brought back; gives what they were. The numbers stay used.

    What is in quarantine is kept: it may be evidence. Raises NotAllowed for anybody but an operator.
    Source: `manage.py sweep_unpublished`.
    """
    gone = []
    for package in Package.objects.filter(pk__in=due().order_by().values("package")):
        versions = list(due().filter(package=package).only("number", "blob"))
        names = [version.number for version in versions]
        with maintaining(package, actor, "version.erased", versions=names) as package:
            # The row first: from here on nothing brings the version back, and sweep_blobs takes what a crash leaves.
            package.versions.filter(pk__in=[version.pk for version in versions]).update(
                erased_at=timezone.now(), readme="", readme_html=""
            )
        for version in versions:
            blobs.discard(version.blob)
        gone += [f"{package.name}@{number}" for number in names]
    return gone


def due() -> VersionSet:
    """The versions whose time to come back is over and whose bytes are still kept."""
    before = timezone.now() - timedelta(days=settings.UNPUBLISHED_DAYS)
    return Version.objects.filter(unpublished_at__lte=before, erased_at=None, quarantined_at=None)


def _last(package: Package) -> VersionSet:
    found = restorable(package)
    return found.filter(unpublished_at=found[0].unpublished_at)


def _days() -> str:
    return "one day" if settings.UNPUBLISHED_DAYS == 1 else f"{settings.UNPUBLISHED_DAYS} days"
