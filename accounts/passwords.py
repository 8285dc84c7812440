"""A person's password: shown once more before something that matters, and changed."""

from __future__ import annotations

from typing import TypeGuard

from allauth.account.adapter import get_adapter
from allauth.core.exceptions import RateLimited
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import audit
from accounts.actor import Actor
from accounts.mail import notify
from accounts.models import User
from registry_site.errors import BadCredential, Invalid, Malformed, NotAllowed, TooManyRequests

MAX_LENGTH = 4096


def authenticate(request, name: str, password: str) -> User | None:
    """The person of this name and password, None when they do not belong together.

    request: counts towards the limits of failed logins, of the name and of the address.
    Raises TooManyRequests after too many failures.
    """
    try:
        return get_adapter(request).authenticate(request, username=name, password=password)
    except (ValidationError, RateLimited) as error:
        raise TooManyRequests("too many failed logins; wait five minutes and try again") from error


def require(request, user: User, password: object) -> None:
    """Goes on when this is the person's password.

    password: as it stands in a body, so it may be anything.
    Raises Malformed, NotAllowed for somebody who has none, BadCredential, TooManyRequests as `authenticate`.
    """
    if not is_readable(password):
        raise Malformed("send your password")
    if not user.has_usable_password():
        raise NotAllowed("your account has no password; do this on the website, or set one there first")
    if authenticate(request, user.username, password) != user:
        raise BadCredential("that is not your password")


def change(request, actor: Actor, user: User, old: object, new: object) -> None:
    """Give a person another password; every browser session of theirs ends, and they are told by mail.

    Raises as `require` for the old one, Malformed or Invalid, saying why, for the new one.
    Source: `npm profile set password`.
    """
    require(request, user, old)
    if not is_readable(new):
        raise Malformed("send the new password")
    try:
        get_adapter(request).clean_password(new, user)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages)) from error
    with transaction.atomic():
        user.set_password(new)
        user.save(update_fields=["password"])
        audit.record(actor, "profile.password", person=user.username)
    notify(request, user, "Your password was changed")


def is_readable(password: object) -> TypeGuard[str]:
    """Whether this can be a password at all: some text that is not endless."""
    return isinstance(password, str) and 0 < len(password) <= MAX_LENGTH and "\0" not in password
