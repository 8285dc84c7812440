"""How often something may be asked: the one table of limits, which `RATE_LIMITS` changes or switches off.

It imports nothing of the product, because the settings read it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured

from registry_site import env

RATE = re.compile(r"([1-9][0-9]{0,6})/([1-9][0-9]{0,3})?([smhd])", re.ASCII)
UNITS = {"s": 1, "m": 60, "h": 60 * 60, "d": 24 * 60 * 60}


@dataclass(frozen=True)
class Limit:
    """rates: as in `5/5m+20/h`, all of which count; per: whom or what it counts for; of: what it counts.

    shares: in how many parts the hosts share it, for what is asked so often that each asking must not cost a write.
    is_single: whether it has one rate only, because it is shared so, or counted in rows.
    """

    rates: str
    per: str
    of: str
    shares: int = 0
    is_single: bool = False


# An address is one IPv4 address or a /64 of IPv6; who is signed in or shows a token counts as themselves.
TABLE: dict[str, Limit] = {
    "login": Limit("30/m", "address", "signing in on the website"),
    "failed-login": Limit("10/m", "address", "wrong passwords, on the website and by npm"),
    "failed-login-name": Limit("5/5m", "name", "wrong passwords for one name, wherever they come from"),
    "one-time-password": Limit("5/5m+20/h+50/d", "person", "wrong one-time passwords and recovery codes"),
    "step-up": Limit("10/m", "person", "showing once more who one is"),
    "web-login": Limit("60/10m", "address", "`npm login` that waits for the browser"),
    "sign-up": Limit("20/m+200/d", "address", "new accounts"),
    "password-reset": Limit("20/m", "address", "asking for a new password"),
    "password-reset-name": Limit("5/m+20/d", "address written to", "the same, for one e-mail address"),
    "password-change": Limit("5/m", "person", "setting another password"),
    "e-mail": Limit("10/m", "person", "changing e-mail addresses"),
    "confirmation": Limit("1/3m", "address written to", "asking anew for the mail that confirms an address"),
    "mail": Limit("10/h+30/d", "address written to", "mails that strangers can cause; more are not sent"),
    "invitation": Limit("30/m+300/d", "person", "inviting people to orgs"),
    "invitation-again": Limit("5/h", "org and person", "inviting the same person again", is_single=True),
    "access-request": Limit("20/d", "person", "asking for access to packages", is_single=True),
    "token": Limit("60/10m+300/d", "person", "making tokens"),
    "org": Limit("10/h+30/d", "person", "new orgs, and other names for them; also tries that found a name taken"),
    "publish": Limit("600/10m", "person or machine", "publishing and staging versions"),
    "webhook": Limit("60/10m", "person", "test messages of webhooks, and messages sent once more"),
    "search": Limit("600/m", "person or address", "searches", shares=12, is_single=True),
    "suggestion": Limit("1200/m", "person or address", "names while one types", shares=12, is_single=True),
    "refused-exchange": Limit("60/m", "address", "identities of workflows that were not believed"),
}

# What django-allauth calls them, and for whom it counts: an address, a signed-in person, or a key it chooses.
_ALLAUTHS: dict[str, list[tuple[str, str]]] = {
    "login": [("login", "ip")],
    "login_failed": [("failed-login", "ip"), ("failed-login-name", "key")],
    "signup": [("sign-up", "ip")],
    "reset_password": [("password-reset", "ip"), ("password-reset-name", "key")],
    "reset_password_from_key": [("password-reset", "ip")],
    "change_password": [("password-change", "user")],
    "manage_email": [("e-mail", "user")],
    "confirm_email": [("confirmation", "key")],
    "reauthenticate": [("step-up", "user")],
}


def read(name: str) -> dict[str, str]:
    """The rates in force by the names of TABLE: `on`, `off`, or changes such as `search=off,publish=100/10m+500/d`.

    Raises ImproperlyConfigured.
    """
    value = env.text(name, "on")
    if value == "off":
        return {}
    found = {each: limit.rates for each, limit in TABLE.items()}
    for change in env.words(name) if value != "on" else []:
        limit, _, rates = change.partition("=")
        sound = rates == "off" or all(RATE.fullmatch(rate) for rate in rates.split("+"))
        if limit not in TABLE or not sound:
            raise ImproperlyConfigured(
                f"{name} is {value!r}; it is on, off, or changes as in publish=100/10m+500/d,search=off, of: "
                + ", ".join(TABLE)
            )
        if TABLE[limit].is_single and "+" in rates:
            raise ImproperlyConfigured(f"{name} gives {limit} several rates, {rates}; it has one, as in 60/m")
        found[limit] = "" if rates == "off" else rates
    return found


def for_allauth(found: dict[str, str]) -> dict[str, str | None]:
    """The same in django-allauth's words."""
    return {
        action: ",".join(f"{rate}/{per}" for limit, per in parts for rate in found[limit].split("+") if rate) or None
        for action, parts in _ALLAUTHS.items()
    }


def parsed(rates: str) -> list[tuple[int, int]]:
    """How many, and in how many seconds: each of `5/5m+20/h`."""
    matched = [RATE.fullmatch(rate) for rate in rates.split("+") if rate]
    return [(int(each[1]), int(each[2] or 1) * UNITS[each[3]]) for each in matched if each is not None]


def words(seconds: float) -> str:
    """When to come back, as people say it: `in 40 seconds`, `in 3 minutes`."""
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds > 1.5 * size or (seconds >= size and unit != "minute"):
            count = -int(-seconds // size)
            return f"in {count} {unit}{'' if count == 1 else 's'}"
    count = max(1, -int(-seconds // 1))
    return f"in {count} second{'' if count == 1 else 's'}"
