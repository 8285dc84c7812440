"""What runs by itself, most jobs once a day, each on one host: an app names its jobs, the background worker runs them.

A job may be run twice, and may break off anywhere: it looks at what there is to do, and does that.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from datetime import timedelta

from django.db import DatabaseError, close_old_connections
from django.db.models import Min, Q
from django.utils import timezone

from registry_site import repeating
from registry_site.models import Job

logger = logging.getLogger(__name__)

EVERY = timedelta(days=1)
# So long nobody else starts a job that runs; one that died with its host, or failed, begins anew after it.
LEASE = timedelta(hours=1)
LOOK_SECONDS = 60
AGAIN = timedelta(minutes=5)  # after which a job that runs often, and failed, runs again

_jobs: dict[str, Callable[[], object]] = {}
_unless: list[Callable[[], bool]] = []
_often: set[str] = set()  # the jobs that run at each look


def daily(name: str, job: Callable[[], object]) -> None:
    """Run this once a day; for the `ready` of an app. name: for people, too; one of its own."""
    _jobs[name] = job


def often(name: str, job: Callable[[], object]) -> None:
    """Run this at each look, about once a minute; for what is done at once. Otherwise as `daily`."""
    _jobs[name] = job
    _often.add(name)


def unless(check: Callable[[], bool]) -> None:
    """Run none of the daily jobs while this says yes; those that run often go on."""
    _unless.append(check)


def run_due() -> list[str]:
    """Run every job that is due and that no other host runs; gives the names of those that ran to their end.

    What a job raises is logged and kept in its row, and the others go on.
    """
    rests = _rests()
    return [name for name in sorted(_jobs) if not (rests and name not in _often) and _take(name) and _run(name)]


def run(name: str) -> bool:
    """Run one job now, due or not; whether it ran to its end. Raises KeyError for another name."""
    Job.objects.update_or_create(name=name, defaults={"due_at": timezone.now() + LEASE, "started_at": timezone.now()})
    return _run(name)


def names() -> list[str]:
    """The jobs there are."""
    return sorted(_jobs)


def overdue() -> timedelta:
    """For how long a job waits that is due; the daily ones are not while they rest."""
    late = _late(_jobs)
    return _late(_often) if late and _rests() else late


def is_failing(job: Job) -> bool:
    """Whether the last run of this job broke off, or began more than an hour ago and did not end.

    One that an older release had is none any more.
    """
    begun, ended = job.started_at, job.finished_at
    is_lost = begun is not None and begun < timezone.now() - LEASE and (ended is None or ended < begun)
    return job.name in _jobs and bool(job.failure or is_lost)


def _late(names: Collection[str]) -> timedelta:
    due = Job.objects.filter(name__in=names).aggregate(at=Min("due_at"))["at"]
    return max(timedelta(), timezone.now() - due) if due else timedelta()


def keep(stop: threading.Event) -> None:
    """Look every minute whether something is due, or was left lying by a worker, until `stop` is set."""
    while not stop.wait(LOOK_SECONDS):
        try:
            repeating.take_up()
            run_due()
        except DatabaseError:
            logger.exception("the timetable could not be read")
        finally:
            close_old_connections()


def _rests() -> bool:
    return any(check() for check in _unless)


def _take(name: str) -> bool:
    now = timezone.now()
    Job.objects.get_or_create(name=name, defaults={"due_at": now})
    # One statement asks and takes, so of two hosts one gets it. What is due in two days was planned by a wrong clock.
    due = Q(due_at__lte=now) | Q(due_at__gt=now + 2 * EVERY)
    return Job.objects.filter(due, name=name).update(due_at=now + LEASE, started_at=now) == 1


def _run(name: str) -> bool:
    try:
        _jobs[name]()
    except Exception as error:
        logger.exception("the job %s broke off", name)
        said = {"failure": f"{type(error).__name__}: {error}"[:300]}
        if name in _often:
            said["due_at"] = timezone.now() + AGAIN
        Job.objects.filter(name=name).update(**said)
        return False
    now = timezone.now()
    due_at = now if name in _often else now + EVERY
    Job.objects.filter(name=name).update(due_at=due_at, finished_at=now, failure="")
    return True
