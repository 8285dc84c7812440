"""Which tokens used a package lately; written later, so that no download waits for it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from accounts import tokens
from accounts.actor import Actor
from accounts.models import Token
from packages import access
from packages.models import Package, TokenUse
from registry_site.later import Later

KEPT = timedelta(days=90)
MOST = 50_000  # kinds of uses waiting
PURGE_SECONDS = 3600
PURGED = 5_000  # at a time, so that nobody waits long to write

What = TokenUse.What


def note(request, package: Package, what: str) -> None:
    """Note that the token of a registry request used a package now; a request without token leaves no trace."""
    actor = request.actor
    if actor.token is None:
        return
    _later.keep(
        (actor.token.pk, package.pk, what),
        TokenUse(
            token_id=actor.token.pk,
            package_id=package.pk,
            what=what,
            at=timezone.now(),
            client=request.META.get("HTTP_USER_AGENT", "")[:120],
            address=actor.address,
        ),
    )


def of_package(package: Package, days: int = 30) -> list[TokenUse]:
    """The uses of a package in these days by tokens that still open something, newest first, each with its person.

    package: found for an actor who manages it; nobody else is told which tokens others have.
    """
    return of_packages([package.pk], days)


def of_packages(keys: Iterable[int] | QuerySet, days: int = 30) -> list[TokenUse]:
    """As `of_package`, of several packages. One query."""
    uses = TokenUse.objects.filter(package__in=keys, at__gt=timezone.now() - timedelta(days=days))
    now = timezone.now()
    found = uses.filter(token__revoked_at=None).select_related("token__user", "package")
    return [use for use in found if tokens.expiry(use.token) > now]


def of_token(token: Token) -> TokenUse | None:
    """The last use of a token, of a package that its person may still see."""
    uses = TokenUse.objects.filter(token=token).select_related("package")
    seen = access.visible_to(Actor(token.user)).order_by().values("pk")
    return uses.filter(package__in=seen).first()


_purged_at = 0.0


def _write(uses: dict[tuple[int, int, str], TokenUse]) -> None:
    rows = list(uses.values())
    live = set(Token.objects.filter(pk__in={row.token_id for row in rows}).values_list("pk", flat=True))
    there = set(Package.objects.filter(pk__in={row.package_id for row in rows}).values_list("pk", flat=True))
    rows = [row for row in rows if row.token_id in live and row.package_id in there]
    # Sorted, so that two processes lock rows in the same order.
    rows.sort(key=lambda row: (row.token_id, row.package_id, row.what))
    TokenUse.objects.bulk_create(
        rows,
        batch_size=100,
        update_conflicts=True,
        unique_fields=["token", "package", "what"],
        update_fields=["at", "client", "address"],
    )
    _purge()


def _purge() -> None:
    global _purged_at
    if time.monotonic() - _purged_at >= PURGE_SECONDS:
        _purged_at = time.monotonic()
        keys = TokenUse.objects.filter(at__lte=timezone.now() - KEPT).order_by().values_list("pk", flat=True)
        TokenUse.objects.filter(pk__in=list(keys[:PURGED])).delete()


_later: Later[tuple[int, int, str], TokenUse] = Later("token uses", _write, most=MOST)
write, forget = _later.write, _later.clear
