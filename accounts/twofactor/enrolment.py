"""Turning two-factor on and off: an app or a passkey more or less, in the browser, by npm, by an operator."""

from __future__ import annotations

from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.internal.flows.add import validate_can_add_authenticator
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret, validate_totp_code
from allauth.mfa.webauthn.internal.auth import WebAuthn
from django.core.cache import cache  # shared by all workers; forgets by itself
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts import audit
from accounts.actor import Actor
from accounts.models import TwoFactorMode, User
from accounts.notices import warn
from accounts.twofactor import codes
from registry_site.errors import Conflict, Invalid, NotAllowed

PENDING_MINUTES = 15


def begin(user: User, mode: str) -> str:
    """Begin to set up codes of an app without a browser; gives the address that the app reads. `confirm` ends it.

    mode: one of TwoFactorMode.
    Raises Invalid for another word or an unconfirmed e-mail address, Conflict when two-factor is on.
    Source: `npm profile enable-2fa auth-only|auth-and-writes`, first step.
    """
    mode = _mode(mode)
    if user.has_two_factor:
        raise Conflict("two-factor is on already")
    try:
        validate_can_add_authenticator(user)
    except ValidationError as error:
        raise Invalid("confirm your e-mail address first: open the link in the mail that you were sent") from error
    secret = generate_totp_secret()
    cache.set(_pending(user), {"secret": get_adapter().encrypt(secret), "mode": mode}, PENDING_MINUTES * 60)
    return get_adapter().build_totp_url(user, secret)


def confirm(request, actor: Actor, user: User, code: str) -> list[str]:
    """Set up the app that showed this code; gives the recovery codes.

    Raises Invalid when nothing was begun or the code is wrong, Conflict as `add_app`, TooManyRequests.
    Source: `npm profile enable-2fa`, second step.
    """
    begun = cache.get(_pending(user))
    if begun is None:
        raise Invalid("nothing is being set up; run npm profile enable-2fa again")
    secret, code = get_adapter().decrypt(begun["secret"]), codes.normalise(code)
    with codes.counting_failures(request, user) as attempt:
        attempt.succeeded = validate_totp_code(secret, code)
    if not attempt.succeeded:
        raise Invalid("that one-time password is not right; look at the app again")
    unused = add_app(request, actor, user, secret, code, mode=begun["mode"])
    cache.delete(_pending(user))
    return unused


def pending_mode(user: User) -> str | None:
    """The mode of an app that somebody began to set up without showing a code of it yet; None when nobody did."""
    begun = cache.get(_pending(user))
    return begun["mode"] if begun else None


def add_app(request, actor: Actor, user: User, secret: str, code: str, *, mode: str = "") -> list[str]:
    """Set up the app that has this secret and showed this code of it; gives the recovery codes.

    Raises Conflict when the person has an app already.
    """
    try:
        with transaction.atomic():
            _record_added(actor, user, "an authenticator app", mode)
            TOTP.activate(user, secret)
            unused = RecoveryCodes.activate(user).get_unused_codes()
    except IntegrityError:
        raise Conflict("an authenticator app is set up already") from None
    codes.spend(user, actor.token, code)
    user.forget_two_factor()
    warn(request, user, "An authenticator app was added to your account")
    return unused


def add_passkey(request, actor: Actor, user: User, name: str, credential: dict[str, Any]) -> None:
    """Add a passkey whose credential was verified; the first second factor comes with recovery codes."""
    with transaction.atomic():
        _record_added(actor, user, name, "")
        WebAuthn.add(user, name, credential)
        RecoveryCodes.activate(user)
    user.forget_two_factor()
    warn(request, user, f"The passkey {name} was added to your account")


def remove(request, actor: Actor, user: User, authenticator: Authenticator) -> None:
    """Remove an app or a passkey; with the last of them the recovery codes go, and two-factor is off."""
    name = "an authenticator app" if authenticator.type == Authenticator.Type.TOTP else str(authenticator)
    with transaction.atomic():
        authenticator.delete()
        user.forget_two_factor()
        if user.has_two_factor:
            audit.record(actor, "two_factor.key_removed", person=user.username, key=name)
        else:
            user.authenticator_set.all().delete()
            audit.record(actor, "two_factor.disabled", person=user.username)
    off = "" if user.has_two_factor else "It was the last one: two-factor is off."
    warn(request, user, f"{name[:1].upper()}{name[1:]} was removed from your account", more=off)


def renew_recovery_codes(request, actor: Actor, user: User) -> None:
    """Make new recovery codes; the old ones end. Raises NotAllowed where two-factor is off."""
    if not user.has_two_factor:
        raise NotAllowed("recovery codes come with two-factor; add an app or a passkey first")
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)  # two at once would each make a row
        user.authenticator_set.filter(type=Authenticator.Type.RECOVERY_CODES).delete()
        RecoveryCodes.activate(user)
        audit.record(actor, "two_factor.recovery_made", person=user.username)
    warn(request, user, "New recovery codes were made for your account")


def set_mode(actor: Actor, user: User, mode: str) -> None:
    """When codes are asked for. Raises Invalid for an unknown word.

    Source: `npm profile enable-2fa auth-only|auth-and-writes` when it is on already, and the website.
    """
    mode = _mode(mode)
    if user.two_factor_mode != mode:
        with transaction.atomic():
            _save_mode(user, mode)
            audit.record(actor, "two_factor.mode", person=user.username, mode=mode)


def disable(request, actor: Actor, user: User) -> None:
    """Remove every authenticator: app, passkeys and recovery codes; whatever was only begun ends, too.

    Source: `npm profile disable-2fa`, and an operator who helps somebody that lost them.
    """
    cache.delete(_pending(user))
    with transaction.atomic():
        gone, _ = user.authenticator_set.all().delete()
        if gone:
            audit.record(actor, "two_factor.disabled", person=user.username)
    user.forget_two_factor()
    if gone:
        warn(request, user, "Two-factor was turned off for your account")


def _record_added(actor: Actor, user: User, name: str, mode: str) -> None:
    user.forget_two_factor()
    if user.has_two_factor:
        audit.record(actor, "two_factor.key_added", person=user.username, key=name)
        return
    if mode:
        _save_mode(user, mode)
    audit.record(actor, "two_factor.enabled", person=user.username, mode=user.two_factor_mode)


def _pending(user: User) -> str:
    return f"two-factor-pending-{user.pk}"


def _mode(word: str) -> str:
    if word not in TwoFactorMode.values:
        raise Invalid("two-factor is auth-only or auth-and-writes")
    return word


def _save_mode(user: User, mode: str) -> None:
    user.two_factor_mode = mode
    user.save(update_fields=["two_factor_mode"])
