"""One asks for all: of many requests for the same thing, on all workers and hosts, one goes upstream.

A flight is a moment in a row until which one process asks. Who finds the row taken waits for what comes of it.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from registry_site.errors import Unavailable

# Longer than any answer may take; one that died with its process ends with it.
LEASE = timedelta(seconds=90)
WAIT_SECONDS = 25
LOOK_SECONDS = 0.05


def take(row: models.Model) -> bool:
    """Whether this process may go for a row that has `leased_until`; one statement asks and takes."""
    now = timezone.now()
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    return type(row).objects.filter(free, pk=row.pk).update(leased_until=now + LEASE) == 1


def land(row: models.Model) -> None:
    """It is over, whatever came of it."""
    type(row).objects.filter(pk=row.pk).update(leased_until=None)


def wait(row: models.Model) -> None:
    """Wait until whoever took the row is done. Raises Unavailable when that takes too long."""
    last = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < last:
        time.sleep(LOOK_SECONDS)
        until: Any = type(row).objects.filter(pk=row.pk).values_list("leased_until", flat=True).first()
        if until is None or until <= timezone.now():
            return
    raise Unavailable("the upstream registry takes long to answer; try again")
