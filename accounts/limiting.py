"""Counts what is asked, in the store that all hosts share, and says when to come back where it is too often.

What it counts for is nothing that a caller makes up: a person, a machine, an address, or somebody who is written to.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict

from allauth.core.internal import ratelimit
from allauth.core.internal.ratelimit import Rate
from django.conf import settings
from django.core.cache import cache

from accounts.actor import Actor
from registry_site import rates
from registry_site.errors import TooManyRequests

APP = "registry"
IPV6_PREFIX = 64  # what one household or server is given
MOST_KNOWN = 10_000  # callers that a process remembers, for limits that hosts share in parts
Usage = ratelimit.RateLimitUsage


def spend(limit: str, subject: str, *, words: str) -> Usage:
    """Count one; gives what `rollback` takes back again.

    limit: a name of rates.TABLE. subject: for whom or what it counts, as `caller` or `place` name them.
    words: what there was too much of, for the message. Raises TooManyRequests, which says when to come back.
    """
    used = _counted(limit, subject)
    if used is None:
        raise refusal(words, wait(limit, subject))
    return used


def spend_often(limit: str, actor: Actor, *, words: str) -> None:
    """Count one of what is asked many times a minute; most of them cost nothing. Raises as `spend`.

    Each process takes a share of the limit from the store at a time, and asks again when that is used up; so several
    processes together let through at most one share each more.
    """
    if not _is_on(limit):
        return
    amount, seconds = rates.parsed(settings.RATES[limit])[0]
    share = max(1, amount // max(1, rates.TABLE[limit].shares))
    subject = caller(actor)
    if (until := _tally.count(f"{limit} {subject}", share, seconds)) is None:
        return
    if until == 0.0:  # its share is used up
        parts = f"{max(1, amount // share)}/{seconds}s"
        if _consume(f"{limit}-shares", subject, parts) is not None:
            return
        until = time.monotonic() + _wait(f"{limit}-shares", subject, parts)
        _tally.stop(f"{limit} {subject}", until)
    raise refusal(words, until - time.monotonic())


def is_spent(limit: str, subject: str) -> float | None:
    """For how many seconds there is nothing left of a limit, None while there is; counts nothing."""
    return (wait(limit, subject) or None) if _is_on(limit) else None


def wait(limit: str, subject: str) -> float:
    """For how many seconds there is nothing left of a limit."""
    return _wait(limit, subject, settings.RATES[limit])


def most(limit: str) -> tuple[int, int] | None:
    """How many in how many seconds, for what is counted in rows; None for no limit."""
    return rates.parsed(settings.RATES[limit])[0] if _is_on(limit) else None


def refusal(words: str, seconds: float) -> TooManyRequests:
    """The refusal of what there was too much of."""
    whole = max(1, -int(-seconds // 1))
    return TooManyRequests(f"{words}; wait, and try again {rates.words(whole)}", seconds=whole)


def caller(actor: Actor) -> str:
    """Who asks: the person or the machine, else the address."""
    if actor.user is not None:
        return f"user-{actor.user.pk}"
    if actor.token is not None:
        token = actor.token
        return f"org-{token.holder_id}" if actor.is_service else f"publisher-{token.publisher_key}"
    return place(actor.address)


def place(address: str | None) -> str:
    """Where a request comes from: an IPv4 address, or the network of an IPv6 one, in which anybody has many."""
    if address is None:
        return "address-unknown"
    parsed = ipaddress.ip_address(address)
    if parsed.version == 6:
        return f"address-{ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False)}"
    return f"address-{parsed}"


def written_to(address: str) -> str:
    """Somebody who gets a mail, in whatever spelling."""
    return f"mail-{address.strip().casefold()}"


# What django-allauth calls the limit of each of its pages.
_PAGES = {
    "account_login": "login",
    "account_signup": "signup",
    "account_reset_password": "reset_password",
    "account_reset_password_from_key": "reset_password_from_key",
    "account_change_password": "change_password",
    "account_set_password": "change_password",
    "account_email": "manage_email",
    "account_email_verification_sent": "confirm_email",
}


def wait_on_page(request) -> int:
    """For how many seconds a page of django-allauth that refused takes nothing more."""
    action = _PAGES.get(request.resolver_match.url_name or "", "reauthenticate")
    key = request.POST.get("email", "").lower()
    found = [1.0]
    for rate in ratelimit.get_rates(app="allauth.account", action=action):
        if rate.per == "user" and not request.user.is_authenticated:
            continue
        found.append(
            _left(ratelimit.get_cache_key(request, app="allauth.account", action=action, rate=rate, key=key), rate)
        )
    return -int(-max(found) // 1)


def wait_of_login(request, key: str) -> float:
    """For how many seconds a name, or the address of this request, waits after wrong passwords."""
    action = {"app": "allauth.account", "action": "login_failed"}
    return max(
        (
            _left(ratelimit.get_cache_key(request, rate=rate, key=key, **action), rate)
            for rate in ratelimit.get_rates(**action)
        ),
        default=1.0,
    )


def _is_on(limit: str) -> bool:
    return bool(settings.ACCOUNT_RATE_LIMITS and settings.RATES.get(limit))


def _counted(limit: str, subject: str) -> Usage | None:
    return _consume(limit, subject, settings.RATES[limit]) if _is_on(limit) else Usage([])


def _consume(limit: str, subject: str, text: str) -> Usage | None:
    config = {limit: ",".join(f"{amount}/{seconds}s/key" for amount, seconds in rates.parsed(text))}
    return ratelimit.consume(None, app=APP, action=limit, config=config, key=subject, limit_get=True)


def _wait(limit: str, subject: str, text: str) -> float:
    found = [0.0]
    for amount, seconds in rates.parsed(text):
        rate = Rate(amount, float(seconds), "key")
        found.append(_left(ratelimit.get_cache_key(None, app=APP, action=limit, rate=rate, key=subject), rate))
    return max(found)


def _left(key: str, rate: Rate) -> float:
    history = cache.get(key, [])  # newest first
    return max(0.0, history[rate.amount - 1] + rate.duration - time.time()) if len(history) >= rate.amount else 0.0


class _Tally:
    """What callers asked of this process lately: how many of their share they used, or until when they wait."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, key: str, share: int, seconds: float) -> float | None:
        """None for one of a share that is not used up, 0.0 when that is, else until when the caller waits."""
        now = time.monotonic()
        with self._lock:
            used, until = self._known.pop(key, (0, now + seconds))
            stopped = used < 0
            if until <= now:
                used, until, stopped = 0, now + seconds, False
            used = used if stopped else used % share + 1
            self._known[key] = (used, until)
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        return until if stopped else 0.0 if used == share else None

    def stop(self, key: str, until: float) -> None:
        with self._lock:
            self._known[key] = (-1, until)

    def forget(self) -> None:
        with self._lock:
            self._known.clear()


_tally = _Tally()
forget = _tally.forget
