"""What the background worker could not do, or was killed over, is tried again; what never works is given up.

A task may run twice, and may break off anywhere. One that was given up stays in the queue as failed, for operators.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.utils import timezone
from django_tasks.base import TaskResult, TaskResultStatus
from django_tasks_db import DatabaseBackend
from django_tasks_db.models import DBTaskResult

logger = logging.getLogger(__name__)

# How long after each attempt the next one is; after the last the task is given up.
WAITS = [timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=6)]
# No task runs so long: what does is one whose worker was killed.
LEASE = timedelta(minutes=15)


def after_failure(sender, task_result: TaskResult, **said) -> None:
    """Plan the next attempt of a task that failed. For the signal `task_finished`."""
    if task_result.status == TaskResultStatus.FAILED and issubclass(sender, DatabaseBackend):
        failed = DBTaskResult.objects.filter(pk=task_result.id, status=TaskResultStatus.FAILED)
        for row in failed.only("worker_ids", "task_path"):
            wait = _wait(row)
            if wait is None:
                logger.error("%s was given up after %s attempts", row.task_path, len(row.worker_ids))
            else:
                planned = timezone.now() + wait
                failed.update(status=TaskResultStatus.READY, run_after=planned, finished_at=None)


def take_up() -> int:
    """Put tasks back into the queue whose worker was killed, and give those up that were often; gives how many."""
    now, count = timezone.now(), 0
    for row in DBTaskResult.objects.running().filter(started_at__lt=now - LEASE):
        mine = DBTaskResult.objects.running().filter(pk=row.pk, started_at=row.started_at)
        if _wait(row) is None:
            logger.error("%s was given up: its worker ended %s times", row.task_path, len(row.worker_ids))
            gone = {"finished_at": now, "exception_class_path": "killed", "traceback": "its worker ended, each time"}
            count += mine.update(status=TaskResultStatus.FAILED, **gone)
        else:
            count += mine.update(status=TaskResultStatus.READY, run_after=now)
    return count


def _wait(row: DBTaskResult) -> timedelta | None:
    attempts = len(row.worker_ids)  # each worker that took it is there, also one twice
    return WAITS[attempts - 1] if attempts <= len(WAITS) else None
