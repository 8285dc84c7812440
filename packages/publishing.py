"""Publishing a version, from the parsed upload to the committed row."""

from __future__ import annotations

import logging
import time
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from accounts.actor import Actor
from packages import arrivals, blobs, claims, ledger, provenance, signatures, telling
from packages.changes import Unchanged, changing
from packages.models import DistTag, Package, Version
from packages.names import PackageName
from packages.wire import Upload
from registry_site.errors import Invalid, Unavailable

logger = logging.getLogger(__name__)

MAX_VERSIONS = 10_000
MAX_TAGS = 100


def publish(actor: Actor, upload: Upload) -> Version:
    """Keep the bytes, then list the version; the same bytes again succeed and change nothing.

    upload: as `wire.read_put` gave it; its spooled tarball is gone afterwards, whatever happens.
    Raises SignInRequired, NotAllowed, PaymentRequired, Invalid, AlreadyPublished, Unavailable.
    Source: `npm publish`, PUT /PKG with an attachment.
    """
    try:
        name = PackageName.parse(upload.name)
        package = claims.find_or_claim(actor, name)  # the policy, before anything costly
        arrivals.require_plan(package, name, upload.access)
        if package and (same := arrivals.published(package, upload)):
            return same
        if package and arrivals.waiting(package, upload):
            raise arrivals.held(name.full, upload.version)
        with arrivals.stored(actor, name, upload) as columns:
            return _list(actor, name, package, upload, columns)
    except arrivals.Repeated as repeated:
        return repeated.found
    finally:
        upload.tarball.discard()


def enter(package: Package, version: Version, tags: tuple[str, ...] | None, at: datetime | None = None) -> None:
    """Put a version on the list of its package, which is locked by `changing`, and point its tags at it.

    tags: `latest` when there are none, None moves none; the first listed version is always `latest`, too.
    at: when it was published elsewhere, of one that moves in.
    Raises Invalid when the package has as many versions or tags as it can have.
    """
    first = not package.versions.listed().exists()
    version.package = package
    version.published_at = at or _now(package)  # not when its upload began: never before its package
    if first and not package.versions.exists():
        package.created_at = version.published_at  # its name may have been held for a staged version before
    package.unpublished_at, package.access_was = None, ""
    _require_room(package)
    version.save()
    _move_tags(package, version, () if tags is None else tags or ("latest",), first)


def _list(actor: Actor, name: PackageName, package: Package | None, upload: Upload, columns: dict[str, Any]) -> Version:
    version, kept_at = Version(**columns), time.time()
    attested = provenance.attach(upload.provenance, version)
    signatures.sign(version)
    ledger.note(name.full, version.number, version.integrity)
    try:
        with transaction.atomic():
            package, claimed = (package, False) if package else _claim(actor, name, upload.access)
            facts = {"version": version.number, "tags": list(upload.tags), "integrity": version.integrity}
            with changing(package, actor, "version.published", claimed=claimed, **facts) as package:
                if same := arrivals.published(package, upload):
                    raise Unchanged
                if arrivals.waiting(package, upload):
                    raise arrivals.held(name.full, upload.version)
                blobs.require_young(kept_at)
                arrivals.require_room(actor, name, version.size)  # asked again: others published meanwhile
                enter(package, version, upload.tags)
                provenance.keep(version, attested)
                telling.published(actor, package, version.number)
    except IntegrityError as error:
        # Another spelling of a used number, or the same number at the same moment: the database is the judge.
        raise _judged(name, upload, error) from None
    if version.pk is None:
        raise arrivals.Repeated(same)
    return version


def _judged(name: PackageName, upload: Upload, error: IntegrityError) -> Exception:
    package = Package.objects.filter(name=name.full).first()
    if package and (same := arrivals.published(package, upload)):
        return arrivals.Repeated(same)
    logger.error("%s@%s could not be listed: %s", name, upload.version, error)
    return Unavailable("the version could not be listed; try again")


def _claim(actor: Actor, name: PackageName, level: str | None) -> tuple[Package, bool]:
    package, created = arrivals.claim(actor, name, level)
    if not created and package.unpublished_at is not None:
        # It returns with the grants it had, and with the level that is asked now.
        package.access = arrivals.first_level(package.scope, level)
        package.save(update_fields=["access"])
    return package, created


def _now(package: Package) -> datetime:
    last = package.versions.aggregate(last=Max("published_at"))["last"]
    return max(timezone.now(), last) if last else timezone.now()  # clocks are set back


def _require_room(package: Package) -> None:
    if package.versions.count() >= MAX_VERSIONS:
        raise Invalid(f"{package.name} has {MAX_VERSIONS} versions, the most a package can have")


def _move_tags(package: Package, version: Version, tags: tuple[str, ...], first: bool) -> None:
    names = dict.fromkeys([*tags, "latest"] if first else tags)
    for name in names:
        DistTag.objects.update_or_create(package=package, name=name, defaults={"version": version})
    if package.tags.count() > MAX_TAGS:
        raise Invalid(f"{package.name} has {MAX_TAGS} tags, the most a package can have")
