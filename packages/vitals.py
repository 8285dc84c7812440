"""What tells how the registry does, looked up cheaply: whether what it stands on answers, and how much there is."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from datetime import datetime

from django.conf import settings
from django.core.cache import cache
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Case, Count, Max, Min, Q, Sum, When
from django.utils import timezone
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult, get_date_max

from accounts import audit, standstill
from packages import belonging, blobs, reserve
from packages.models import Version
from registry_site import draining, timetable
from registry_site.metrics import Gauge
from registry_site.models import Job

NO_BLOB = "00/00/none"  # no blob is called so
FEW = 20_000  # versions that are added up while somebody waits
_STORED = "vitals:stored"
_STARTED = timezone.now()

# --- what it stands on: each gives `ok`, or what is wrong -----------------------------------------------------------


def database() -> str:
    """Whether the database answers, and is the one this process began with. Raises DatabaseError."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    if _are_applied and (restored := audit.last(audit.RESTORED)) and restored > _STARTED:
        return "was brought back from a backup while this process ran; restart it"
    return "ok"


def storage() -> str:
    """Whether the store of tarballs answers, and a folder can be written to. Raises OSError."""
    store = blobs.store()
    root = store.folder
    if root is not None and not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        return "cannot be written to" if root.exists() else "is not there"
    if belonging.is_apart():
        return "is not that of this database"
    with suppress(FileNotFoundError):
        store.size(NO_BLOB)
    return "ok"


def migrations() -> str:
    """Whether the tables are those of this code. Raises DatabaseError."""
    global _are_applied
    if not _are_applied:
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        if waiting := executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return f"{len(waiting)} wait; run manage.py prepare"
        _are_applied = True  # tables do not go back while a process runs
    return "ok"


_are_applied = False


def changes() -> str:
    """`ok`, or why nothing, or nothing large, is taken right now; reading goes on. Raises DatabaseError."""
    still, low = standstill.current(), reserve.low()
    said = [still.sentence if still else "", f"nothing is published: {low}" if low else ""]
    return "; ".join(filter(None, said)) or "ok"


# --- how much there is ----------------------------------------------------------------------------------------------


def add_up() -> None:
    """Add up the bytes of all tarballs anew, once a day; between two times only what is new is added."""
    kept = Version.objects.filter(erased_at=None).aggregate(bytes=Sum("size"), last=Max("pk"))
    cache.set(_STORED, (kept["bytes"] or 0, kept["last"] or 0), None)


def is_large() -> bool:
    """Whether there are so many versions that nobody should wait while they are counted."""
    return (Version.objects.aggregate(last=Max("pk"))["last"] or 0) > FEW


def stored() -> int | None:
    """The bytes of all tarballs in the store: as of the last night, and what came since.

    None while nobody added them up, in a registry where that takes long.
    """
    known = cache.get(_STORED)
    if known is None:
        if is_large():
            return None
        add_up()
        known = cache.get(_STORED)
    size, last = known
    return size + (Version.objects.filter(pk__gt=last, erased_at=None).aggregate(all=Sum("size"))["all"] or 0)


def database_size() -> int:
    """How many bytes the database takes."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        else:
            cursor.execute("SELECT pg_database_size(current_database())")
        return cursor.fetchone()[0]


def _free() -> dict[tuple[str, ...], float]:
    places = {"data": settings.DATA_DIR, "storage": blobs.store().folder}
    return {(name,): shutil.disk_usage(path).free for name, path in places.items() if path and path.exists()}


def queued() -> dict[tuple[str, ...], float]:
    """How many tasks there are in each state: waiting, running, failed."""
    states = {"waiting": TaskResultStatus.READY, "running": TaskResultStatus.RUNNING, "failed": TaskResultStatus.FAILED}
    found = dict(DBTaskResult.objects.order_by().values_list("status").annotate(Count("pk")))
    return {(name,): found.get(state, 0) for name, state in states.items()}


def oldest() -> float:
    """For how many seconds the oldest task waits that could be done."""
    now = timezone.now()
    due = DBTaskResult.objects.filter(status=TaskResultStatus.READY)
    due = due.filter(Q(run_after__lte=now) | Q(run_after=get_date_max()))
    since = Case(When(run_after=get_date_max(), then="enqueued_at"), default="run_after")  # of one that is tried again
    return _age(due.aggregate(at=Min(since))["at"], now)


def overdue() -> float:
    """For how many seconds a job waits that is due."""
    return timetable.overdue().total_seconds()


def failing() -> float:
    """How many regular jobs broke off the last time."""
    return sum(map(timetable.is_failing, Job.objects.all()))


def _age(moment: datetime | None, now: datetime) -> float:
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0


GAUGES: list[Gauge] = [
    ("registry_queue_tasks", "Mail, webhooks and other work of the background worker", queued, ("state",)),
    ("registry_queue_oldest_seconds", "For how long the oldest task waits that could be done", oldest, ()),
    ("registry_jobs_overdue_seconds", "For how long a regular job waits that is due", overdue, ()),
    ("registry_jobs_failing", "Regular jobs whose last run broke off", failing, ()),
    ("registry_storage_bytes", "Tarballs that are kept", stored, ()),
    ("registry_free_bytes", "Free space of the file systems that are used", _free, ("place",)),
    ("registry_database_bytes", "What the database takes", database_size, ()),
    ("registry_read_only", "1 while nothing may be changed", lambda: float(standstill.is_on()), ()),
    ("registry_storage_low", "1 while nothing is published for want of space", lambda: float(bool(reserve.low())), ()),
    ("registry_draining", "1 when the server is about to stop", lambda: float(draining.is_on()), ()),
]
