"""A browser session that knows when and how its person showed who they are."""

from __future__ import annotations

import time

from allauth.account.internal.flows import login
from allauth.account.internal.userkit import user_id_to_str
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.test import Client

from accounts.actor import Actor

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
STEP = 30


def sign_in(client: Client, actor: Actor, *, seconds_ago: float = 0, method: str = "password") -> None:
    """Sign the person in; `method` mfa is a code or a passkey, and `seconds_ago` is when they showed it."""
    client.force_login(actor.user, backend=BACKEND)
    session = client.session
    session[login.AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": method, "at": time.time() - seconds_ago}]
    session[login._AUTHENTICATION_METHODS_USER_SESSION_KEY] = user_id_to_str(actor.user)
    session.save()


def turn_on_two_factor(actor: Actor) -> list[str]:
    """Give the person an app with SECRET; gives the recovery codes."""
    TOTP.activate(actor.user, SECRET)
    codes = RecoveryCodes.activate(actor.user).get_unused_codes()
    actor.user.forget_two_factor()
    return codes


def code(secret: str = SECRET, steps: int = 0) -> str:
    """What the app shows now, or some steps of 30 seconds from now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // STEP + steps))


def authenticators(actor: Actor) -> set[str]:
    """The types of what the person has set up."""
    return set(Authenticator.objects.filter(user=actor.user).values_list("type", flat=True))
