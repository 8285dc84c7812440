"""Keeps the mirror within its limits: tarballs that nobody used for long go first, and are fetched anew when asked for.

The row goes before its bytes, so what is listed as here is here; what a crash leaves behind, sweep_blobs removes. A
download that has begun reads to its end. What was first said of a version's bytes is never forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.actor import Actor
from packages import blobs
from packages.models import Package, Version
from packages.stock import holdings
from packages.stock.batches import batches
from packages.stock.holdings import Held
from registry_site.errors import Conflict, NotAllowed

MEGABYTE = 2**20


@dataclass(frozen=True)
class Limits:
    """How much the mirror keeps, 0 for no limit."""

    megabytes: int = 0
    days: int = 0


@dataclass(frozen=True)
class Surplus:
    """What is over the limits. chosen: the least recently used first; kept: bytes that stay."""

    chosen: list[Held]
    kept: int

    @property
    def size(self) -> int:
        """Bytes that would be free again."""
        return sum(held.size for held in self.chosen)

    def shown(self, most: int) -> list[tuple[Version, Held]]:
        """The first of them with their rows. One query."""
        first = self.chosen[:most]
        rows = Version.objects.select_related("package").only("number", "size", "package__name")
        known = rows.in_bulk([held.pk for held in first])
        return [(known[held.pk], held) for held in first if held.pk in known]


def limits() -> Limits:
    """Those of the settings."""
    return Limits(settings.MIRROR_MAX_MB, settings.MIRROR_MAX_DAYS)


def surplus(limit: Limits) -> Surplus:
    """What would have to go for the mirror to be within its limits; nothing goes yet."""
    whole = holdings.size()
    if not (limit.megabytes or limit.days):
        return Surplus([], whole)
    oldest = (timezone.now() - timedelta(days=limit.days)).date() if limit.days else None
    most, left, chosen = limit.megabytes * MEGABYTE if limit.megabytes else whole, whole, []
    for held in holdings.replaceable():
        if not (left > most or (oldest and held.used < oldest)):
            break
        chosen.append(held)
        left -= held.size
    return Surplus(chosen, left)


def prune(actor: Actor, limit: Limits) -> Surplus:
    """Bring the mirror within its limits; gives what went.

    Raises NotAllowed for anybody but an operator, Conflict while this registry works offline: what goes could not be
    fetched anew. Source: `manage.py mirror_prune`.
    """
    if actor.credential != "operator":
        raise NotAllowed("only operators of this registry do this, with manage.py or in the admin site")
    if settings.UPSTREAM_OFFLINE:
        raise Conflict("this registry works offline (UPSTREAM_OFFLINE): what goes now could not be fetched again")
    found = surplus(limit)
    for some in batches(found.chosen):
        for blob in _forget(actor, some):
            blobs.discard(blob)
    return found


def daily(actor: Actor) -> None:
    """Once a day: what `prune` does within the limits of the settings, unless this registry works offline."""
    if not settings.UPSTREAM_OFFLINE:
        prune(actor, limits())


def _forget(actor: Actor, some: list[Held]) -> list[str]:
    with transaction.atomic():
        keys = [held.pk for held in some]
        # Packages before versions, as whoever fetches one locks them; what changed meanwhile stays.
        list(Package.objects.select_for_update(of=("self",)).filter(versions__in=keys).order_by("pk").values_list("pk"))
        rows = Version.objects.select_for_update(of=("self",)).select_related("package")
        free = rows.filter(pk__in=keys, package__mirrored=True, quarantined_at=None)
        found = list(free.only("blob", "number", "size", "package__name"))
        if not found:
            return []
        Package.objects.filter(latest__in=found).update(latest=None)
        Version.objects.filter(pk__in=[version.pk for version in found]).delete()
        names = [f"{version.package.name}@{version.number}" for version in found]
        megabytes = round(sum(version.size for version in found) / MEGABYTE, 1)
        audit.record(actor, "mirror.pruned", count=len(found), megabytes=str(megabytes), versions=names)
    return [version.blob for version in found]
