"""Login, logout, whoami, ping, and the polls that wait for the browser."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import unquote

from django.http import HttpResponse, JsonResponse

from accounts import limiting, logins, passwords, people, tokens
from accounts.actor import SIGN_IN, Power
from accounts.body import read_object
from accounts.endpoint import page_address, registry
from accounts.twofactor import approvals
from registry_site.errors import Malformed, NotAllowed, NotFound, SignInRequired, TooManyRequests, Unavailable

POLL_SECONDS = "2"
COUCH_PREFIX = "org.couchdb.user:"


def ping(request) -> JsonResponse:
    """`npm ping`."""
    return JsonResponse({})


def whoami(request) -> JsonResponse:
    """`npm whoami`; bun and yarn need `username`."""
    if not request.actor.is_signed_in:
        raise SignInRequired(SIGN_IN)
    return JsonResponse({"username": request.actor.name})


def start_login(request) -> JsonResponse:
    """`npm login` (web): where to approve it, and where to ask for the token."""
    try:
        limiting.spend("web-login", limiting.place(request.actor.address), words="many logins began at your address")
    except TooManyRequests as error:  # told 429, clients would ask for a password on the terminal instead
        raise Unavailable(error.message, code=error.code, seconds=error.seconds) from error
    started = logins.start(request.actor.address, request.headers.get("user-agent", ""))
    return JsonResponse(
        {
            "loginUrl": page_address(request, "approve-login", started.public_id),
            "doneUrl": f"{registry(request)}/-/v1/done/{started.poll_secret}",
        }
    )


def finish_login(request, secret: str) -> JsonResponse:
    """The poll of `npm login`: 202 with a body and Retry-After while it waits, then the token once."""
    token = logins.fetch(secret)
    if token is None:
        return JsonResponse({}, status=202, headers={"Retry-After": POLL_SECONDS})
    return JsonResponse({"token": token})


def finish_approval(request, secret: str) -> JsonResponse:
    """The poll of a command that waits for approval in the browser; then the one-time password, once."""
    code = approvals.fetch(secret)
    if code is None:
        return JsonResponse({}, status=202, headers={"Retry-After": POLL_SECONDS})
    return JsonResponse({"token": code})


def password_login(request, name: str) -> JsonResponse:
    """`npm login --auth-type=legacy` and the fallback of every client; it never makes an account.

    npm 2 needs exactly 201, yarn 1 needs `ok`.
    """
    body = read_object(request)
    password, given = body.get("password"), body.get("name", name)
    if given != name or not passwords.is_readable(password):
        raise Malformed("send the same user name in the address and the body, and a password")
    token = logins.by_password(request, name, password)
    identity = COUCH_PREFIX + name
    return JsonResponse({"ok": True, "id": identity, "rev": "1-0", "token": token}, status=201)


def password_login_again(request, name: str, revision: str) -> JsonResponse:
    """The same with a revision, as clients log in again whom a strict CouchDB told that the user exists (409)."""
    return password_login(request, name)


def show_user(request, name: str) -> JsonResponse:
    """`npm owner add` asks whether the person exists, and for a mail address, which nobody is told."""
    request.actor.require(Power.READ)
    user = people.find(name)
    return JsonResponse({"_id": COUCH_PREFIX + name, "name": user.username, "email": user.public_email})


def logout(request, token: str) -> HttpResponse:
    """`npm logout`: the token ends; unknown ones are fine, because npm keeps a token whose logout failed."""
    with suppress(NotFound, SignInRequired, NotAllowed):
        tokens.revoke(request.actor, request.actor.require_person(Power.READ), unquote(token))
    return JsonResponse({"ok": True})
