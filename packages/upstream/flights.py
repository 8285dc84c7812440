"""One asks for all: of many requests for the same thing, on all workers and hosts, one goes upstream.

A flight is a moment in a row until which one process asks. Who finds the row taken waits for what comes of it.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from registry_site.errors import Unavailable

# Longer than the answer to one question may take; what takes longer is renewed. One that died with its process ends.
LEASE = timedelta(seconds=65)
RENEW_SECONDS = 20
WAIT_SECONDS = 25
LOOK_SECONDS = 0.05


def ends() -> datetime:
    """Until when a flight that begins now has the row."""
    return timezone.now() + LEASE


def take(row: models.Model, *read: str) -> bool:
    """Whether this process may go for a row that has `leased_until`; one statement asks and takes.

    read: columns that must still be what they were when the row was read: else somebody came back meanwhile.
    """
    now, until = timezone.now(), ends()
    # A lease that is longer than any was made by a clock that was wrong.
    free = Q(leased_until=None) | Q(leased_until__lte=now) | Q(leased_until__gt=now + 10 * LEASE)
    same = {column: getattr(row, column) for column in read}
    taken = type(row).objects.filter(free, pk=row.pk, **same).update(leased_until=until) == 1
    if taken:
        row.leased_until = until  # type: ignore[attr-defined]
    return taken


def renew(row: models.Model) -> None:
    """It takes longer, and goes on; nothing when somebody else has the row by now."""
    until = ends()
    if _still_ours(row).update(leased_until=until):
        row.leased_until = until  # type: ignore[attr-defined]


def land(row: models.Model) -> None:
    """It is over, whatever came of it; nothing when somebody else has the row by now."""
    _still_ours(row).update(leased_until=None)


def _still_ours(row: Any) -> models.QuerySet:
    return type(row).objects.filter(pk=row.pk, leased_until=row.leased_until)


def wait(row: models.Model) -> None:
    """Wait until whoever took the row is done. Raises Unavailable when that takes too long."""
    last = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < last:
        time.sleep(LOOK_SECONDS)
        until: Any = type(row).objects.filter(pk=row.pk).values_list("leased_until", flat=True).first()
        if until is None or not timezone.now() < until < timezone.now() + 10 * LEASE:
            return
    raise Unavailable("the upstream registry takes long to answer; try again")
