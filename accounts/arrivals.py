"""Signing in: where somebody was never seen before, their person is told."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts import devices, notices
from accounts.actor import address_of
from accounts.models import Device, User

REMEMBERED = timedelta(days=180)


def noticed(sender, request, user: User, **more) -> None:
    """Tell a person that somebody signed in with a browser, or in a network, that was not seen with them before.

    The first sign-in of an account is no news. Source: django-allauth's signal, after the last step of signing in.
    """
    agent, address = devices.words(request.headers.get("user-agent", "")), address_of(request)
    digest = hashlib.sha256(f"{agent} {devices.network(address)}".encode()).hexdigest()
    with transaction.atomic():
        known = Device.objects.filter(user=user, seen_at__gt=timezone.now() - REMEMBERED)
        is_first, is_known = not known.exists(), known.filter(digest=digest).exists()
        Device.objects.update_or_create(user=user, digest=digest, defaults={"seen_at": timezone.now()})
        if not is_first and not is_known:
            notices.warn(request, user, f"Somebody signed in to your account with {agent}")


def forget_devices() -> int:
    """Remove devices that were not seen for half a year; gives how many. For a timer."""
    return Device.objects.filter(seen_at__lte=timezone.now() - REMEMBERED).delete()[0]
