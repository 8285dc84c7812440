"""Comes to a mirrored package, asking upstream on the way, and fetches what somebody wants to look into."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from accounts.actor import Actor, Power
from packages import access
from packages.access import Action
from packages.mirrored.shelves import Shelf
from packages.models import Mirror, Package
from packages.upstream import fetching, mirroring
from registry_site.errors import Invalid, Unavailable, UpstreamFailed

MOST_FETCHED = 2  # at once, on a page: the two of a comparison


def find(actor: Actor, name: str) -> tuple[Package, Shelf | None]:
    """The package of this name to look at, and what `shelf` says of it.

    Upstream is asked for one that nobody here has, and for news of one that it has.
    Raises as `access.find`, Unavailable and UpstreamFailed when upstream does not say whether there is one.
    """
    package = mirroring.find(actor, Action.VIEW, name, full=True)
    known = shelf(actor, package)
    if not package.mirrored or (known is not None and _is_fresh(known.mirror)):
        return package, known
    try:
        mirror = mirroring.refresh(name)
    except (Unavailable, UpstreamFailed):
        if known is None:
            raise
        return package, shelf(actor, package)  # what is here is shown, and that it is old
    return package, Shelf(actor, package, mirror) if mirror.package_id == package.pk and mirror.source else None


def shelf(actor: Actor, package: Package) -> Shelf | None:
    """What is on the shelf of a mirrored package; None for one of ours. package: found for the actor."""
    if not package.mirrored:
        return None
    mirror = Mirror.objects.filter(package=package).first()
    return Shelf(actor, package, mirror) if mirror is not None and mirror.source else None


def fetch(actor: Actor, name: str, numbers: Iterable[str]) -> Package:
    """Bring the tarballs of versions here, so that pages show what is in them; those that are here already stay.

    Raises SignInRequired for a visitor, NotFound, the refusal of a rule, Quarantined, Unavailable when upstream cannot
    be asked, UpstreamFailed when it gives other bytes than it said.
    """
    actor.require(Power.READ)
    package = access.find(actor, Action.DOWNLOAD, name)
    if not package.mirrored:
        raise Invalid(f"{name} is no mirrored package; all of it is here")
    for number in list(dict.fromkeys(numbers))[:MOST_FETCHED]:
        fetching.tarball(actor, package, number)
    return package


def _is_fresh(mirror: Mirror) -> bool:
    since = timezone.now() - timedelta(seconds=settings.UPSTREAM_MAX_AGE)
    return mirror.is_full and mirror.failed_at is None and mirror.checked_at is not None and mirror.checked_at > since
