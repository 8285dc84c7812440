"""How a registry request is answered: bearer token in, JSON out, refusals in npm's shape, never a cookie."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpResponse, JsonResponse, UnreadablePostError
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt

from accounts import refusals, sightings, standstill, tokens
from accounts.actor import NOBODY, Actor, address_of
from accounts.models import Token
from accounts.sightings import Outcome
from accounts.twofactor import approvals, codes
from registry_site import logs, metrics, pace
from registry_site.errors import (
    BadCredential,
    LengthRequired,
    Malformed,
    OneTimePassRequired,
    Refusal,
    TooSlow,
    Unavailable,
    status_of,
)

logger = logging.getLogger(__name__)

DRAIN_CHUNK = 1 << 16
DRAIN_SECONDS, DRAIN_SECONDS_OF_STRANGERS = 60, 30
DRAIN_SILENCE, DRAIN_SILENCE_OF_STRANGERS = 10, 2
READING = ("GET", "HEAD", "OPTIONS")
MAX_HOST = 150  # documents are kept by their address
_NOT_FOUND = {"error": "Not found", "message": "Not found", "code": "not_found"}

Handler = Callable[..., HttpResponse]


def endpoint(*, without_credential: tuple[str, ...] = (), always: tuple[str, ...] = (), **handlers: Handler) -> Handler:
    """A view of the registry from one handler a method, `endpoint(GET=..., PUT=...)`; HEAD is served by GET.

    without_credential: methods that do not look at the Authorization header: on their way to a login, clients send
    stale or trial credentials (npm, pnpm, yarn 1).
    always: methods that go on in read-only mode: they only read, or let somebody in or out.
    The handler gets `request.actor`; what it raises from `registry_site.errors` becomes `{"error", "message", "code"}`.
    """

    @csrf_exempt
    def view(request, *args, **kwargs) -> HttpResponse:
        handler = handlers.get("GET" if request.method == "HEAD" else request.method)
        request.actor = NOBODY  # until the token says otherwise; never the person of a cookie
        try:
            if handler is None:
                response = JsonResponse(_NOT_FOUND | {"error": "method not allowed"}, status=405)
                response["Allow"] = ", ".join(handlers)
            else:
                open_door = request.method in without_credential
                request.actor = Actor(address=address_of(request)) if open_door else actor_of(request)
                _require_length(request)
                if request.method not in (*READING, *always):
                    standstill.require_off()
                response = handler(request, *args, **kwargs)
        except OneTimePassRequired as refusal:
            response = _challenge(request, refusal)
        except Refusal as refusal:
            response = refused(request, refusal)
        except (OperationalError, InterfaceError):
            logger.exception("the database did not answer")
            _hang_up()
            response = refused(request, Unavailable("the registry cannot reach its database; try again"))
        except UnreadablePostError:
            response = refused(request, TooSlow("the body broke off, or came too slowly; send it again"))
        except (RequestDataTooBig, UnicodeError):
            response = refused(request, Malformed("the request could not be read"))
        if response.status_code >= 400:
            _drain(request)
        if not (response.streaming or "Content-Length" in response.headers):
            response.headers["Content-Length"] = str(len(response.content))
        response.headers.setdefault("Cache-Control", "private, no-cache")
        response.headers["Vary"] = "Authorization, Accept, Accept-Encoding"
        return response

    view.handlers = handlers  # type: ignore[attr-defined]  # the access grid walks the routes and reads this
    return view


def actor_of(request) -> Actor:
    """Who a registry request speaks for: the person of its bearer token, or nobody without one.

    Raises BadCredential for anything in the Authorization header that is not one of our live tokens.
    """
    address = address_of(request)
    request_id = getattr(request, "request_id", "")
    agent = request.META.get("HTTP_USER_AGENT", "")
    header = request.META.get("HTTP_AUTHORIZATION")
    if header is None:
        sightings.saw(None, address, agent, Outcome.NONE)
        return Actor(address=address, request_id=request_id)
    kind, _, secret = header.partition(" ")
    try:
        if kind.lower() != "bearer":
            raise BadCredential("this registry takes tokens, not passwords; run npm login")
        token = tokens.recognise(secret.strip(" "), address, agent, _package(request))
    except BadCredential:
        sightings.saw(None, address, agent, Outcome.REFUSED)
        metrics.count("registry_refused_tokens")
        raise
    sightings.saw(token.user_id, address, agent, Outcome.TOKEN)
    shown = _shows_second_factor(request, token)
    return Actor(token.user, token, token.publisher or token.prefix, address, request_id, second_factor=shown)


def _package(request) -> str:
    match = getattr(request, "resolver_match", None)
    return match.kwargs.get("name", "") if match and "<package:name>" in match.route else ""


def _shows_second_factor(request, token: Token) -> bool:
    # npm sends the code with every request of a command; one that only reads must not use it up.
    code = request.META.get("HTTP_NPM_OTP", "")
    if not code or request.method in ("GET", "HEAD") or token.user is None or not token.user.has_two_factor:
        return False
    return codes.check(request, token.user, token, code)


def refused(request, refusal: Refusal) -> JsonResponse:
    """A refusal as npm's clients read it: old ones `error`, new ones `message`; our `code` for scripts.

    The sentence ends with the reference under which the caller finds it on the website, because clients print that.
    """
    refusals.keep(request, request.actor, refusal)
    response = JsonResponse(_told(request, refusal), status=status_of(refusal))
    if refusal.code == "ipaddress":
        response["WWW-Authenticate"] = "ipaddress"  # npm then says that the address is the reason (EAUTHIP)
    if refusal.seconds is not None:
        response["Retry-After"] = str(refusal.seconds)
    return response


def _told(request, refusal: Refusal) -> dict[str, str]:
    message = f"{logs.without_tokens(refusal.message)} (reference {request.request_id})"
    return {"error": message, "message": message, "code": refusal.code}


def _challenge(request, refusal: OneTimePassRequired) -> JsonResponse:
    # Clients that say `npm-auth-type: web` (npm 9 and later, pnpm, bun) get two addresses and wait for the browser;
    # the others ask for a code, and print the notice to those who have no app but a key.
    response = refused(request, refusal)
    response["WWW-Authenticate"] = "OTP"
    actor = request.actor
    if actor.user is None:
        return response
    command, agent = request.headers.get("npm-command", ""), request.headers.get("user-agent", "")
    started = approvals.challenge(actor, command, agent)
    page = page_address(request, "approve-command", started.public_id)
    if request.headers.get("npm-auth-type") == "web":
        urls = {"authUrl": page, "doneUrl": f"{registry(request)}/-/v1/approved/{started.poll_secret}"}
        response.content = json.dumps(_told(request, refusal) | urls)
    else:
        response["npm-notice"] = f"Open {page} to use your security key for authentication"
    return response


def content_length(request) -> int:
    """The length of the body in bytes, as its header says. Raises LengthRequired or Malformed."""
    _require_length(request)
    text = request.META.get("CONTENT_LENGTH") or "0"
    if not (text.isascii() and text.isdigit()):
        raise Malformed("the Content-Length is not a number")
    return int(text)


def _hang_up() -> None:
    # After a fault of the disk, what an open SQLite file remembers may not be believed; the next request opens it anew.
    if not connection.in_atomic_block:
        connection.close()


def _require_length(request) -> None:
    # Django reads nothing of a chunked body; taking it for an empty one would publish nothing and say ok.
    if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        raise LengthRequired("send the body with a Content-Length")


def _drain(request) -> None:
    # A client that still writes when we answer sees a reset connection instead of our sentence. It is not waited for
    # long: whoever sends slowly, and nothing that is wanted, would hold a thread.
    known = request.actor.is_signed_in
    pace.hurry(request, DRAIN_SILENCE if known else DRAIN_SILENCE_OF_STRANGERS)
    ends = time.monotonic() + (DRAIN_SECONDS if known else DRAIN_SECONDS_OF_STRANGERS)
    left = min(int(request.META.get("CONTENT_LENGTH") or 0), 2 * settings.MAX_TARBALL)
    try:
        while left > 0 and time.monotonic() < ends and (chunk := request.read(min(left, DRAIN_CHUNK))):
            left -= len(chunk)
    except OSError:
        return
    finally:
        pace.hurry(request)


def website(request) -> str:
    """The website's address as this client may open it, without a last slash. Raises Malformed for an endless port."""
    if settings.PUBLIC_URL:
        return settings.PUBLIC_URL
    host = request.get_host().lower()
    if len(host) > MAX_HOST:
        raise Malformed("the Host of the request is too long")
    return f"{request.scheme}://{host}"


def page_address(request, name: str, *args) -> str:
    """The address of a page, also for a client that talks to the registry's own host, which has no pages."""
    return website(request) + reverse(name, urlconf=settings.ROOT_URLCONF, args=args)


def registry(request) -> str:
    """The registry's address as this client uses it, without a last slash.

    Clients send their token only to the host and path they logged in to, so links must stay below it.
    """
    if settings.REGISTRY_HOST and request.get_host() == settings.REGISTRY_HOST:
        scheme = settings.PUBLIC_URL.partition(":")[0]
        return f"{scheme}://{settings.REGISTRY_HOST}"
    return f"{website(request)}/npm"
