"""`/metrics`, for Prometheus: only with the bearer token of `METRICS_TOKEN`, and nothing there for everybody else."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpResponse
from django.utils.crypto import constant_time_compare

from packages import vitals
from registry_site import errorpages, metrics

logger = logging.getLogger(__name__)


def may_read(request) -> bool:
    """Whether this is Prometheus, asking with the token."""
    kind, _, shown = request.headers.get("authorization", "").partition(" ")
    is_known = kind.lower() == "bearer" and constant_time_compare(shown.strip(), settings.METRICS_TOKEN)
    return bool(settings.METRICS_TOKEN) and is_known and request.method == "GET"


def page(request) -> HttpResponse:
    """All numbers, those of every process of this server added up."""
    if not may_read(request):
        return errorpages.not_found(request)
    body, content_type = metrics.exposition(_safe())
    return HttpResponse(body, content_type=content_type, headers={"Cache-Control": "no-store"})


page.open_to_all = True  # type: ignore[attr-defined]  # a machine asks, in enterprise mode, too


def _safe() -> Iterator[metrics.Gauge]:
    # A database that is away is no reason to say nothing of the requests.
    for name, says, look, labels in vitals.GAUGES:

        def found(look=look):
            try:
                return look()
            except (DatabaseError, OSError):
                logger.warning("a number for Prometheus could not be looked up", exc_info=True)
                return None

        yield name, says, found, labels
