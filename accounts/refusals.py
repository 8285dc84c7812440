"""What was refused and why, found again by the reference that the answer carried; forgotten after two weeks."""

from __future__ import annotations

import time
from collections import Counter
from datetime import timedelta

from django.utils import timezone

from accounts.actor import Actor, address_of
from accounts.models import RefusedRequest, Token, User
from registry_site import logs
from registry_site.errors import Refusal, status_of
from registry_site.later import Later

KEPT = timedelta(days=14)
MOST_ROWS = 200_000
# A flood of refused requests writes a bounded number of rows: a minute, in each process, and of each caller.
A_MINUTE = 600
A_CALLERS_MINUTE = 60
MAX_PATH = 300
PURGE_SECONDS = 600


def keep(request, actor: Actor, refusal: Refusal) -> None:
    """Keep what was refused, for the caller and for whoever manages the package it was about; written later.

    request: with the id that the answer carries. actor: who asked; of a token that ended, the refusal knows the person.
    Nothing is kept of a request without a known caller and without a package: nobody could look it up.
    """
    token = actor.token or getattr(refusal, "token", None)
    user = actor.user or (token.user if token else None)
    package = _package_of(request)
    if (user is None and not package) or not _has_room(user):
        return
    shown = token.prefix if token is not None else actor.credential
    if shown == "none" and request.headers.get("authorization"):
        shown = "unknown"
    _later.keep(
        request.request_id,
        RefusedRequest(
            reference=request.request_id,
            at=timezone.now(),
            method=request.method[:10],
            path=logs.path_of(request)[:MAX_PATH],
            package=logs.without_tokens(package)[:214],
            user=user,
            token=token,
            credential=shown[:40],
            address=address_of(request),
            agent=request.headers.get("user-agent", "")[:120],
            status=status_of(refusal),
            code=refusal.code[:40],
            message=logs.without_tokens(refusal.message)[:500],
        ),
    )


def find(reference: str) -> RefusedRequest | None:
    """What this reference is about, whoever asks; who may read it is asked where the packages are known."""
    rows = RefusedRequest.objects.select_related("user", "token__user")
    return rows.filter(reference=reference, at__gt=timezone.now() - KEPT).first()


def _package_of(request) -> str:
    match = request.resolver_match
    return match.kwargs.get("name", "") if match is not None and "<package:name>" in match.route else ""


# --- the flood ---------------------------------------------------------------------------------------------------

_minute: Counter[int | None] = Counter()
_minute_began = 0.0


def _has_room(user: User | None) -> bool:
    global _minute_began
    if time.monotonic() - _minute_began > 60:
        _minute.clear()
        _minute_began = time.monotonic()
    caller = user.pk if user else None
    if _minute.total() >= A_MINUTE or _minute[caller] >= A_CALLERS_MINUTE:
        return False
    _minute[caller] += 1
    return True


# --- writing -----------------------------------------------------------------------------------------------------

_purged_at = 0.0


def _write(refused: dict[str, RefusedRequest]) -> None:
    rows = list(refused.values())
    users = set(User.objects.filter(pk__in={row.user_id for row in rows}).values_list("pk", flat=True))
    tokens = set(Token.objects.filter(pk__in={row.token_id for row in rows}).values_list("pk", flat=True))
    for row in rows:  # somebody may be gone since
        row.user_id = row.user_id if row.user_id in users else None
        row.token_id = row.token_id if row.token_id in tokens else None
    RefusedRequest.objects.bulk_create(rows, batch_size=100, ignore_conflicts=True)
    _purge()


def _purge() -> None:
    global _purged_at
    if time.monotonic() - _purged_at < PURGE_SECONDS:
        return
    _purged_at = time.monotonic()
    RefusedRequest.objects.filter(at__lte=timezone.now() - KEPT).delete()
    newest = RefusedRequest.objects.order_by("-pk").values_list("pk", flat=True)
    if (last := newest[MOST_ROWS : MOST_ROWS + 1].first()) is not None:
        RefusedRequest.objects.filter(pk__lte=last).delete()


_later: Later[str, RefusedRequest] = Later("refused requests", _write, most=2 * A_MINUTE)
write = _later.write


def forget() -> None:
    """Begin anew: nothing waits to be written, and nobody had a refusal in this minute."""
    _later.clear()
    _minute.clear()
