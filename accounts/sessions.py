"""Browser sessions of a person: which there are, and ending them."""

from __future__ import annotations

import time
from dataclasses import dataclass

from allauth.usersessions.models import UserSession
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts import audit, devices
from accounts.actor import Actor, address_of
from accounts.models import User
from registry_site.errors import NotFound
from registry_site.later import Later

NOTE_SECONDS = 5 * 60
MOST_NOTED = 10_000
_noted: dict[str, float] = {}  # of this process: when each session was last written down


@dataclass(frozen=True)
class Open:
    """A session that is open, as its person sees it."""

    row: UserSession
    is_this: bool

    @property
    def device(self) -> str:
        return devices.words(self.row.user_agent)


def of(user: User, current: str | None) -> list[Open]:
    """The sessions in which this person is signed in, the one that asks first, then by last use.

    current: the key of the session that asks.
    """
    rows = {row.session_key: row for row in UserSession.objects.filter(user=user)}
    kept = Session.objects.filter(session_key__in=rows, expire_date__gt=timezone.now())
    alive = [rows[session.session_key] for session in kept if _opens(session.get_decoded(), user)]
    found = [Open(row, row.session_key == current) for row in alive]
    return sorted(found, key=lambda each: (each.is_this, each.row.last_seen_at), reverse=True)


def end(actor: Actor, user: User, pk: int) -> None:
    """Sign one browser out. Raises NotFound for a session that is not this person's."""
    row = UserSession.objects.filter(user=user, pk=pk).first()
    if row is None:
        raise NotFound("there is no such session; it may have ended already")
    _end(actor, user, [row], device=devices.words(row.user_agent))


def end_others(actor: Actor, user: User, current: str | None) -> int:
    """Sign every browser out but the one that asks; gives how many there were."""
    others = [each.row for each in of(user, current) if not each.is_this]
    if others:
        _end(actor, user, others, device="every other browser")
    return len(others)


def end_all(user: User) -> None:
    """Sign every browser of a person out; for a larger transaction, which records why."""
    rows = UserSession.objects.filter(user=user)
    Session.objects.filter(session_key__in=list(rows.values_list("session_key", flat=True))).delete()
    rows.delete()


def forget_ended() -> int:
    """Remove what is kept of sessions that ended; gives how many. For a timer."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
    gone, _ = UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()
    return gone


def note(request) -> None:
    """Write down that a session is in use, unless it was a few minutes ago; later, so that no page waits for it."""
    key, now = request.session.session_key, time.monotonic()
    if not key or now - _noted.get(key, -NOTE_SECONDS) < NOTE_SECONDS:
        return
    if len(_noted) >= MOST_NOTED:
        _noted.clear()
    _noted[key] = now
    address, agent = address_of(request) or "0.0.0.0", request.headers.get("user-agent", "")  # noqa: S104 - unknown # nosec B104
    row = UserSession(
        session_key=key, user_id=request.user.pk, ip=address, user_agent=agent[:200], last_seen_at=timezone.now()
    )
    _later.keep(key, row)


class ActivityMiddleware:
    """Writes down when and from where a session was last used, once in some minutes and never for npm clients."""

    def __init__(self, get_response) -> None:
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if getattr(request, "is_page", False) and request.session.accessed and request.user.is_authenticated:
            note(request)
        return response


def _write(noted: dict[str, UserSession]) -> None:
    rows = noted.values()
    alive = set(User.objects.filter(pk__in={row.user_id for row in rows}).values_list("pk", flat=True))
    UserSession.objects.bulk_create(
        [row for row in rows if row.user_id in alive],
        update_conflicts=True,
        unique_fields=["session_key"],
        update_fields=["user", "ip", "user_agent", "last_seen_at"],
    )


_later: Later[str, UserSession] = Later("sessions", _write, most=MOST_NOTED)
write, forget = _later.write, _later.clear


def _opens(data: dict, user: User) -> bool:
    # A changed password leaves the old sessions in the table, and none of them opens anything.
    mine = data.get(SESSION_KEY) == str(user.pk) and bool(data.get(BACKEND_SESSION_KEY))
    return mine and constant_time_compare(data.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash())


def _end(actor: Actor, user: User, rows: list[UserSession], *, device: str) -> None:
    with transaction.atomic():
        Session.objects.filter(session_key__in=[row.session_key for row in rows]).delete()
        UserSession.objects.filter(pk__in=[row.pk for row in rows]).delete()
        audit.record(actor, "session.ended", person=user.username, device=device)
