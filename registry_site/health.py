"""Whether this process serves: for supervisors and load balancers."""

from __future__ import annotations

from django.db import connection
from django.http import JsonResponse


def live(request) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"live": True})


def ready(request) -> JsonResponse:
    """The process answers and its database does, too."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Exception:  # noqa: BLE001 - whatever it was, the answer is the same
        return JsonResponse({"ready": False}, status=503)
    return JsonResponse({"ready": True})


live.open_to_all = ready.open_to_all = True  # type: ignore[attr-defined]
