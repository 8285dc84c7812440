"""Signing in: where somebody was never seen before, their person is told."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts import devices, notices
from accounts.actor import address_of
from accounts.models import Device, User

REMEMBERED = timedelta(days=180)


def noticed(sender, request, user: User, **more) -> None:
    """Tell a person that somebody signed in with a browser, or in a network, that was not seen with them before.

    The first sign-in of an account is no news. Source: django-allauth's signal, after the last step of signing in.
    """
    agent, digest = devices.words(request.headers.get("user-agent", "")), _digest(request)
    with transaction.atomic():
        known = _known(user=user)
        is_first, is_known = not known.exists(), known.filter(digest=digest).exists()
        Device.objects.update_or_create(user=user, digest=digest, defaults={"seen_at": timezone.now()})
        if not is_first and not is_known:
            notices.warn(request, user, f"Somebody signed in to your account with {agent}")


def known_place(request, said: str) -> str:
    """Which browser and network this is, where somebody of this name or address signed in lately; "" elsewhere."""
    digest = _digest(request)
    whose = Q(user__username=said.strip().lower()) | Q(user__email__iexact=said.strip())
    return digest if said and _known(digest=digest).filter(whose).exists() else ""


def forget_devices() -> int:
    """Remove devices that were not seen for half a year; gives how many. For a timer."""
    return Device.objects.filter(seen_at__lte=timezone.now() - REMEMBERED).delete()[0]


def _known(**more) -> QuerySet[Device]:
    return Device.objects.filter(seen_at__gt=timezone.now() - REMEMBERED, **more)


def _digest(request) -> str:
    agent = devices.words(request.headers.get("user-agent", ""))
    return hashlib.sha256(f"{agent} {devices.network(address_of(request))}".encode()).hexdigest()
