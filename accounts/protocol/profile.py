"""`npm profile`: what a person says about themselves, their password, and two-factor."""

from __future__ import annotations

import re
from typing import Any

from django.http import JsonResponse

from accounts import passwords, profile
from accounts.actor import Power
from accounts.body import read_object
from accounts.endpoint import page_address
from accounts.models import AuditEvent, User
from accounts.twofactor import enrolment
from registry_site.errors import Malformed, NotAllowed
from registry_site.moments import iso

_NPM = re.compile(r"npm/(\d+)\.")
LAST_WITH_NULL = 10  # npm up to this takes null for "the mode was changed", later ones the mode itself


def show(request) -> JsonResponse:
    """`npm profile get`."""
    return JsonResponse(_document(request.actor.require_person(Power.READ)))


def change(request) -> JsonResponse:
    """`npm profile set`, `enable-2fa` and `disable-2fa`; the answer shows the profile as it is now."""
    user = request.actor.require_person(Power.ACCOUNT)
    body = read_object(request)
    match body.get("tfa"):
        case None:
            return JsonResponse(_change_fields(request, user, body))
        case [str(code)]:
            return JsonResponse(_document(user) | {"tfa": enrolment.confirm(request, request.actor, user, code)})
        case {"mode": str(mode)} as wanted:
            return JsonResponse(_change_two_factor(request, user, mode, wanted.get("password")))
    raise Malformed("tfa is an object with a mode and your password, or a list with a one-time password")


def _change_two_factor(request, user: User, mode: str, password: object) -> dict[str, Any]:
    passwords.require(request, user, password)
    if mode == "disable":
        enrolment.disable(request, request.actor, user)
        return _document(user)
    if user.has_two_factor:
        enrolment.set_mode(request.actor, user, mode)
        return _document(user) | ({"tfa": None} if _takes_null(request) else {})
    return _document(user) | {"tfa": enrolment.begin(user, mode)}


def _change_fields(request, user: User, body: dict[str, Any]) -> dict[str, Any]:
    # Clients send everything back that they may write, what is empty as null; an address and a password never are.
    wanted = {name: _text(body, name) for name in profile.FIELDS if name in body}
    email, password = _text(body, "email"), body.get("password")
    profile.require_fit(wanted)
    if email and email != profile.email_of(user)[0] and not user.has_two_factor:
        # Whoever gets the mail gets the account, and without a code a token is all that was shown.
        page = page_address(request, "account_email")
        raise NotAllowed(f"without two-factor your e-mail address is changed on the website: {page}")
    if password not in (None, ""):
        old, new = (password.get("old"), password.get("new")) if isinstance(password, dict) else (None, None)
        passwords.change(request, request.actor, user, old, new)
    profile.change(request.actor, user, wanted)
    if email and profile.change_email(request, request.actor, user, email):
        verified = profile.email_of(user) == (email, True)
        return _document(user) | {"email": email, "email_verified": verified}
    return _document(user)


def _document(user: User) -> dict[str, Any]:
    email, verified = profile.email_of(user)
    begun = enrolment.pending_mode(user)
    tfa = None
    if user.has_two_factor or begun:
        tfa = {"pending": not user.has_two_factor, "mode": user.two_factor_mode if user.has_two_factor else begun}
    changes = AuditEvent.objects.filter(actor_name=user.username, action__startswith="profile.")
    changed_at = changes.values_list("at", flat=True).first() or user.date_joined
    return {
        "tfa": tfa,
        "name": user.username,
        "email": email,
        "email_verified": verified,
        "created": iso(user.date_joined),
        "updated": iso(changed_at),
        "cidr_whitelist": None,
        **{name: getattr(user, column) for name, column in profile.FIELDS.items()},
    }


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Malformed(f"{name} is text")
    return value.strip()


def _takes_null(request) -> bool:
    client = _NPM.match(request.headers.get("user-agent", ""))
    return client is not None and int(client[1]) <= LAST_WITH_NULL
