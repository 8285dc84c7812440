"""How lately a browser session showed who it is: what changes an account asks for that again."""

from __future__ import annotations

import time
from typing import Any

from allauth.account.authentication import get_authentication_records
from django.conf import settings

FRESH_SECONDS = 5 * 60


def showed_second_factor(request) -> bool:
    """Whether the session's person showed a code or a passkey a few minutes ago."""
    return any(way["method"] == "mfa" for way in _fresh_ways(request))


def is_recent(request) -> bool:
    """Whether the session's person showed a few minutes ago who they are, as strongly as they can.

    With two-factor on that is a code or a passkey, else any way to sign in. Somebody without a password signs in with
    the configured provider, and is sent there; where there is none any more, they have nothing to show.
    """
    user = request.user
    if not user.is_authenticated:
        return False
    ways = _fresh_ways(request)
    if any(way["method"] == "mfa" for way in ways):
        return True
    return (bool(ways) or not _has_way(user)) and not user.has_two_factor


def uses_provider(user) -> bool:
    """Whether this person can show who they are at the configured provider."""
    from allauth.socialaccount.models import SocialAccount  # apps are not loaded when `actor` is

    return bool(settings.OIDC_URL) and SocialAccount.objects.filter(user=user).exists()


def _has_way(user) -> bool:
    from accounts import passwords  # it knows models, which are not loaded when `actor` is

    return passwords.has_one(user) or uses_provider(user)


def _fresh_ways(request) -> list[dict[str, Any]]:
    now = time.time()
    return [way for way in get_authentication_records(request, request.user) if now - way["at"] < FRESH_SECONDS]
