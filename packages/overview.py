"""How the registry does, for its operators: what it holds, what waits, and what to look after."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.models import Count, Q, Sum
from django.utils import timezone

from accounts import standstill
from accounts.models import AuditEvent, User
from orgs.models import Org
from packages import blobs, keyring, reserve, vitals
from packages.models import DownloadCount, Package, StagedVersion, Version
from packages.upstream import alerts
from registry_site import timetable
from registry_site.errors import Refusal
from registry_site.models import Job

EVENTS_SHOWN = 15
ALERTS_SHOWN = 5
LATE = timedelta(minutes=5)  # so long nothing waits while a worker runs
LITTLE_DISK = 0.1
COUNTED_SECONDS = 600


def facts() -> dict[str, Any]:
    """What the operator's home shows. In a large registry, counts are up to ten minutes old."""
    storage, queue, key, said = _storage(), _queue(), _key(), _said_by_the_store()
    mailing, late = bool(settings.EMAIL_URL), queue["late"]
    return {
        "counts": _remembered("counts", _counts),
        "storage": storage,
        "queue": queue,
        "health": [
            ("Database", connection.vendor, True),
            ("Storage", "answers" if said == "ok" else said, said == "ok"),
            ("Background worker", "is late or not running" if late else "keeps up", not late),
            ("Signing key", key or "cannot be read", bool(key)),
            ("Mail", "configured" if mailing else "not configured", mailing),
            ("Last backup", "not known to the registry: back up DATA_DIR and the database", None),
        ],
        "alerts": alerts.still_open()[:ALERTS_SHOWN],
        "alert_count": alerts.still_open().count(),
        "warnings": _warnings(storage, queue),
        "events": AuditEvent.objects.all()[:EVENTS_SHOWN],
    }


def _remembered(name: str, count: Callable[[], Any]) -> Any:
    if not vitals.is_large():
        return count()
    return cache.get_or_set(f"overview:{name}", count, COUNTED_SECONDS)


def _counts() -> list[tuple[str, int, str]]:
    people = User.objects.aggregate(all=Count("pk"), suspended=Count("pk", filter=Q(is_active=False)))
    today = DownloadCount.objects.filter(day=timezone.now().date()).aggregate(all=Sum("count"))["all"] or 0
    held = Version.objects.exclude(quarantined_at=None).count()
    suspended = f"{people['suspended']} suspended" if people["suspended"] else ""
    return [
        ("People", people["all"], suspended),
        ("Organizations", Org.objects.count(), ""),
        ("Packages", Package.objects.filter(unpublished_at=None).count(), ""),
        ("Versions", Version.objects.listed().count(), f"{held} in quarantine" if held else ""),
        ("Downloads today", today, ""),
    ]


def _storage() -> dict[str, Any]:
    kept = vitals.stored()
    gone = Version.objects.filter(erased_at=None).exclude(unpublished_at=None).aggregate(all=Sum("size"))["all"] or 0
    staged = StagedVersion.objects.aggregate(all=Sum("size"))["all"] or 0
    folder = blobs.store().folder or settings.DATA_DIR
    try:
        disk = shutil.disk_usage(folder if folder.exists() else settings.DATA_DIR)
    except OSError:
        return {"kept": kept, "gone": gone, "staged": staged, "free": None, "total": None}
    return {"kept": kept, "gone": gone, "staged": staged, "free": disk.free, "total": disk.total}


def _said_by_the_store() -> str:
    try:
        return vitals.storage()
    except OSError as error:
        return f"does not answer: {error.strerror or error}"


def _queue() -> dict[str, Any]:
    states = {name: int(count) for (name,), count in vitals.queued().items()}
    late = max(vitals.oldest(), vitals.overdue()) > LATE.total_seconds()
    return states | {"late": late, "jobs": list(Job.objects.order_by("name"))}


def _key() -> str:
    try:
        return keyring.current().id
    except Refusal:
        return ""


def _warnings(storage: dict[str, Any], queue: dict[str, Any]) -> list[str]:
    found = []
    if not settings.PUBLIC_URL:
        found.append("PUBLIC_URL is not set: links in mails say localhost, and cookies are not limited to https.")
    if not settings.EMAIL_URL:
        found.append("EMAIL_URL is not set: nobody gets mail, and a lost password is reset by operators only.")
    if not settings.ACCOUNT_RATE_LIMITS:
        found.append("RATE_LIMITS is off: passwords can be tried without end.")
    if still := standstill.current():
        found.append(f"{still.sentence[:1].upper()}{still.sentence[1:]}.")
    if said := reserve.low():
        found.append(f"Nothing is published or mirrored: {said} (STORAGE_RESERVE_MB). Make room.")
    elif reserve.nearly_low():
        found.append(f"Publishing stops soon: at {settings.STORAGE_RESERVE_MB} MB free (STORAGE_RESERVE_MB).")
    elif storage["free"] is not None and storage["free"] < LITTLE_DISK * storage["total"]:
        found.append("Less than a tenth of the disk is free: publishing fails when it is full.")
    if queue["late"]:
        found.append("Jobs have waited for minutes: is the background worker (manage.py work) running?")
    if queue["failed"]:
        found.append(f"{queue['failed']} tasks failed; the queue below has their errors.")
    if failing := [each.name for each in queue["jobs"] if timetable.is_failing(each)]:
        found.append(f"What is done regularly fails: {', '.join(failing)}. The list of jobs below says why.")
    bare = User.objects.filter(Q(is_staff=True) | Q(is_superuser=True), is_active=True).exclude(
        authenticator__type__in=("totp", "webauthn")
    )
    if names := list(bare.values_list("username", flat=True)[:5]):
        found.append(f"Operators without two-factor: {', '.join(names)}.")
    return found
