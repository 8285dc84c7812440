"""Errors as pages for people, and as JSON for clients that were pointed at the wrong address."""

from __future__ import annotations

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render

from accounts import refusals
from packages import requests
from registry_site import logs
from registry_site.errors import NotAllowed, NotFound, Refusal, TooManyRequests, status_of

_TITLES = {
    400: "That request could not be read",
    402: "Private packages need a paid plan",
    403: "You may not do this",
    404: "Not found",
    409: "It changed meanwhile",
    422: "That does not work",
    429: "Slow down",
    451: "In quarantine",
    503: "The registry is busy",
}
_TITLES_OF_CODES = {"rule": "Held back by a rule"}


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
        return response
    if status == 404 and "<package:name>" in request.resolver_match.route:
        context["ask"] = requests.offer(request.actor, request.resolver_match.kwargs["name"])
    return render(request, "error.html", context, status=status)


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


def too_many(request) -> None:
    """Keep that somebody was asked to slow down; the page is 429.html."""
    refusals.keep(request, request.actor, TooManyRequests("too many tries; wait a minute"))


def bad_request(request, exception=None) -> HttpResponse:
    """400: plain text, because the request may be too odd to build a page for."""
    return JsonResponse({"error": "bad request", "message": "bad request", "code": "malformed"}, status=400)


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
    """500: a page without any context, or JSON for a registry client."""
    if request.path.startswith(("/npm/", "/-/")) or "text/html" not in request.headers.get("accept", ""):
        message = "the registry failed; try again, and tell its operator the request id"
        body = {"error": message, "message": message, "code": "failed"}
        return JsonResponse(body | {"request_id": getattr(request, "request_id", "")}, status=500)
    return render(request, "500.html", status=500)
