"""Errors as pages for people, and as JSON for clients that were pointed at the wrong address."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render

from accounts import limiting, refusals
from packages import requests
from registry_site import logs, rates
from registry_site.errors import NotAllowed, NotFound, Refusal, TooManyRequests, Unavailable, status_of

_TITLES = {
    400: "That request could not be read",
    402: "Private packages need a paid plan",
    403: "You may not do this",
    404: "Not found",
    409: "It changed meanwhile",
    422: "That does not work",
    429: "Slow down",
    408: "That took too long",
    413: "That is too much",
    451: "In quarantine",
    503: "The registry is busy",
}
_TITLES_OF_CODES = {"rule": "Held back by a rule", "read_only": "Nothing can be changed right now"}


def refusal(request, error: Refusal) -> HttpResponse:
    """A refusal as a page; for htmx, a notice in place of the page's notices."""
    status = status_of(error)
    refusals.keep(request, request.actor, error)
    title = _TITLES_OF_CODES.get(error.code) or _TITLES.get(status, "That does not work")
    context = {"status": status, "title": title, "message": logs.without_tokens(error.message)}
    if request.htmx:
        text = f"{context['message']} (reference {request.request_id})"
        response = render(request, "components/notice.html", {"tone": "bad", "text": text})
        response["HX-Retarget"], response["HX-Reswap"] = "#notices", "innerHTML"
        if error.seconds is not None:
            response.status_code, response["Retry-After"] = status, str(error.seconds)
        return response
    if status == 404 and "<package:name>" in request.resolver_match.route:
        context["ask"] = requests.offer(request.actor, request.resolver_match.kwargs["name"])
    response = render(request, "error.html", context, status=status)
    if error.seconds is not None:
        response["Retry-After"] = str(error.seconds)
    return response


def not_found(request, exception=None) -> HttpResponse:
    """404: JSON with the right address for a registry client, a page for a person."""
    refusals.keep(request, request.actor, NotFound("there is nothing at this address"))
    if "text/html" not in request.headers.get("accept", ""):
        address = f"{request.scheme}://{request.get_host()}/npm/"
        message = f"Not found; the registry is at {address} (npm config set registry {address})"
        message += f" (reference {request.request_id})"
        return JsonResponse({"error": message, "message": message, "code": "not_found"}, status=404)
    context = {"status": 404, "title": "Not found", "message": "There is nothing at this address."}
    return render(request, "error.html", context, status=404)


def too_many(request, exception=None) -> HttpResponse:
    """429 of django-allauth's pages: which limit it was, and when it is over, is looked up by the page's name."""
    seconds = limiting.wait_on_page(request)
    error = TooManyRequests(f"too many tries in a short time; try again {rates.words(seconds)}", seconds=seconds)
    return refusal(request, error)


def bad_request(request, exception=None) -> HttpResponse:
    """400: plain text, because the request may be too odd to build a page for, or to reach what adds headers."""
    said = {"error": "bad request", "message": "bad request", "code": "malformed"}
    headers = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store"}
    return JsonResponse(said, status=400, headers=headers)


def forbidden(request, exception=None) -> HttpResponse:
    """403 of the admin site."""
    message = "you may not see this page"
    refusals.keep(request, request.actor, NotAllowed(message))
    context = {"status": 403, "title": _TITLES[403], "message": message.capitalize()}
    return render(request, "error.html", context, status=403)


def csrf_failure(request, reason: str = "") -> HttpResponse:
    """403 for a form that was not ours or is too old."""
    refusals.keep(request, request.actor, NotAllowed("the form was too old, or not ours"))
    context = {
        "status": 403,
        "title": "Please send it again",
        "message": "This form is too old. Go back, reload the page and try again.",
    }
    return render(request, "error.html", context, status=403)


def server_error(request) -> HttpResponse:
    """500: a page without any context, or JSON for a registry client; 503 while the database does not answer."""
    is_away = isinstance(sys.exception(), OperationalError | InterfaceError)
    response = _broken(request, 503 if is_away else 500)
    if is_away:
        response["Retry-After"] = str(Unavailable.seconds)
    return response


def _broken(request, status: int) -> HttpResponse:
    if request.path.startswith(("/npm/", "/-/")) or "text/html" not in request.headers.get("accept", ""):
        message = "the registry failed; try again, and tell its operator the request id"
        body = {"error": message, "message": message, "code": "failed"}
        return JsonResponse(body | {"request_id": getattr(request, "request_id", "")}, status=status)
    return render(request, "500.html", {"status": status}, status=status)
