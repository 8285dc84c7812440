"""A person's password: shown once more before something that matters, and changed."""

from __future__ import annotations

from typing import TypeGuard

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import audit
from accounts.actor import Actor, address_of
from accounts.models import MAX_PASSWORD, DirectoryPerson, User
from accounts.notices import warn
from registry_site.errors import BadCredential, Invalid, Malformed, NotAllowed

TOO_MANY = "too many failed logins"


def authenticate(request, name: str, password: str) -> User | None:
    """The person of this name and password, None when they do not belong together.

    request: counts towards the limits of failed logins, of the name and of the address.
    Raises TooManyRequests after too many failures.
    """
    return get_adapter(request).authenticate(request, username=name, password=password)


def is_the_companys(user) -> bool:
    """Whether the password that opens this account is the one of the company's directory, and not kept here."""
    return bool(settings.LDAP_URL) and DirectoryPerson.objects.filter(user_id=user.pk).exists()


def has_one(user) -> bool:
    """Whether a password opens this account at all."""
    return user.has_usable_password() or is_the_companys(user)


def require(request, user: User, password: object) -> None:
    """Goes on when this is the person's password.

    password: as it stands in a body, so it may be anything.
    Raises Malformed, NotAllowed for somebody who has none, BadCredential, TooManyRequests as `authenticate`,
    Unavailable when the directory whose password it is does not answer.
    """
    if not is_readable(password):
        raise Malformed("send your password")
    if not has_one(user):
        raise NotAllowed("your account has no password; do this on the website, or set one there first")
    if not _belongs_to(request, user, password):
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
    warn(request, user, "Your password was changed")


def _belongs_to(request, user: User, password: str) -> bool:
    if not is_the_companys(user):
        return authenticate(request, user.username, password) == user
    return get_adapter(request).ask_directory(request, user, password)


def changed_on_page(sender, request, user: User, **more) -> None:
    """Write down that a password was changed, set or reset on the website. Source: django-allauth's signals."""
    actor = Actor(user, credential="session", address=address_of(request), request_id=request.request_id)
    with transaction.atomic():
        audit.record(actor, "profile.password", person=user.username)


def changed_by_operator(request, actor: Actor, user: User) -> None:
    """Write down that an operator set or took a person's password, and tell the person; in the change's transaction."""
    audit.record(actor, "profile.password", person=user.username)
    warn(request, user, "Your password was changed", more="An operator of this registry did it.")


def is_readable(password: object) -> TypeGuard[str]:
    """Whether this can be a password at all: some text that is not endless."""
    return isinstance(password, str) and 0 < len(password) <= MAX_PASSWORD and "\0" not in password
