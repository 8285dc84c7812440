"""What becomes of each request, for operators: counted, written into the access log, its id in every line of a log.

Health and numbers are answered here, before anything that could be in the way: what asks for them comes with the
address of a host or a pod as its Host.
"""

from __future__ import annotations

import time

from django.conf import settings
from django.http import HttpResponse
from django.utils.functional import SimpleLazyObject, empty

from accounts.actor import address_of
from registry_site import exposition, health, logs, metrics

MAX_AGENT, MAX_PATH = 200, 300
METRICS = "/metrics"


class SightMiddleware:
    """Sees each request first and its answer last; below the one that gives it an id."""

    def __init__(self, get_response) -> None:
        self.get_response = get_response

    def __call__(self, request) -> HttpResponse:
        if (probe := health.PROBES.get(request.path_info)) is not None:
            return probe(request)
        if request.path_info == METRICS and exposition.may_read(request):
            return exposition.page(request)
        said = logs.request_id.set(request.request_id)
        began = time.perf_counter()
        try:
            response = self.get_response(request)
            if settings.METRICS_TOKEN or settings.ACCESS_LOG:
                _seen(request, response, time.perf_counter() - began)
            return response
        finally:
            logs.request_id.reset(said)


def route_of(request) -> str:
    """The name of a request's route: a page's own, `read.tarball` for what an endpoint calls; few, and never a path."""
    match = request.resolver_match
    if match is None:
        return "static" if request.path_info.startswith(settings.STATIC_URL) else "none"
    handlers = getattr(match.func, "handlers", None)
    if handlers is None:
        return match.view_name or match.route
    handler = handlers.get("GET" if request.method == "HEAD" else request.method)
    if handler is None:
        return "method not allowed"
    return f"{handler.__module__.rpartition('.')[2]}.{getattr(handler, '__name__', 'endpoint')}"


def _seen(request, response, seconds: float) -> None:
    route = route_of(request)
    metrics.observe(route, response.status_code, seconds)
    if settings.ACCESS_LOG:
        facts = {
            "method": request.method,
            "path": logs.path_of(request)[:MAX_PATH],
            "route": route,
            "status": response.status_code,
            "milliseconds": round(seconds * 1000, 1),
            "bytes": _length(response),
            **_caller(request),
            "address": address_of(request),
            "agent": request.headers.get("user-agent", "")[:MAX_AGENT],
        }
        logs.access.info("served", extra={"facts": facts})


def _length(response) -> int | None:
    announced = response.headers.get("Content-Length", "")
    if announced.isdigit():
        return int(announced)
    return None if response.streaming else len(response.content)


def _caller(request) -> dict[str, str]:
    actor = getattr(request, "actor", None)
    # Asking who it is would cost a look into the database where nobody needed to know.
    if actor is None or (isinstance(actor, SimpleLazyObject) and actor._wrapped is empty):
        return {"actor": "", "credential": ""}
    return {"actor": actor.name, "credential": actor.token.prefix if actor.token else actor.credential}
