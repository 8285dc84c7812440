"""How the mirror does, for its operators: what it holds, how upstream answers, and what the limits would take away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Max, Q, Sum
from django.utils import timezone

from packages.models import DownloadCount, Mirror, Package
from packages.stock import holdings, pruning
from packages.upstream import registries
from packages.upstream.registries import Registry

SHOWN = 20
LATELY = timedelta(days=30)
State = Mirror.State


@dataclass(frozen=True)
class Upstream:
    """One registry that is mirrored. scopes: its patterns; "" for the names that no pattern claims."""

    host: str
    scopes: str
    has_token: bool
    packages: int
    answered_at: datetime | None
    failed: Mirror | None


def facts() -> dict[str, Any]:
    """What the operators' page of the mirror shows; ten queries, whatever the mirror holds."""
    limits = pruning.limits()
    held = holdings.tarballs().aggregate(count=Count("pk"), size=Sum("size"))
    found = pruning.surplus(limits)
    failing = Mirror.objects.filter(state=State.FOUND).exclude(failed_at=None)
    states = Mirror.objects.aggregate(
        found=Count("pk", filter=Q(state=State.FOUND)),
        missing=Count("pk", filter=Q(state=State.MISSING)),
        gone=Count("pk", filter=Q(state=State.GONE)),
        stale=Count("pk", filter=Q(state=State.FOUND, failed_at__isnull=False)),
    )
    return {
        "counts": [
            ("Packages", Package.objects.filter(mirrored=True).count(), ""),
            ("Tarballs", held["count"], ""),
            ("Downloads", _downloads(), "in 30 days"),
            ("Not upstream", states["missing"], "names asked for"),
            ("Gone upstream", states["gone"], "and kept here"),
        ],
        "size": held["size"] or 0,
        "limits": limits,
        "limit_bytes": limits.megabytes * pruning.MEGABYTE,
        "surplus": found,
        "shown": found.shown(SHOWN),
        "more": max(0, len(found.chosen) - SHOWN),
        "upstreams": _upstreams(),
        "offline": settings.UPSTREAM_OFFLINE,
        "max_age": settings.UPSTREAM_MAX_AGE,
        "stale_count": states["stale"],
        "stale": failing.order_by(F("checked_at").asc(nulls_first=True))[:SHOWN].defer("source"),
    }


def _downloads() -> int:
    since = (timezone.now() - LATELY).date()
    counted = DownloadCount.objects.filter(package__mirrored=True, day__gt=since)
    return counted.aggregate(all=Sum("count"))["all"] or 0


def _upstreams() -> list[Upstream]:
    answers = Mirror.objects.exclude(upstream="").values_list("upstream").annotate(Count("package"), Max("checked_at"))
    known = {host: (count, at) for host, count, at in answers.order_by()}
    failures = list(Mirror.objects.exclude(failed_at=None).order_by("-failed_at").defer("source")[:SHOWN])
    return [_upstream(each, known, failures) for each in registries.every()]


def _upstream(registry: Registry, known: dict[str, tuple[int, datetime | None]], failures: list[Mirror]) -> Upstream:
    scopes = [each["scope"] for each in settings.UPSTREAMS if each["url"] == registry.url]
    count, at = known.get(registry.host, (0, None))
    failed = next((each for each in failures if registries.for_name(each.name) == registry), None)
    return Upstream(registry.host, ", ".join(scopes), bool(registry.token), count, at, failed)
