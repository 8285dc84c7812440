"""Mail before a token ends, so that nothing breaks on the day: two weeks, one week and one day ahead, each once."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format

from accounts import agents, notices
from accounts.models import Token, User

DAYS = (14, 7, 1)


def send() -> int:
    """Remind the people whose tokens end soon; gives how many mails that made. For a timer, once a day.

    A token that lives no longer than a reminder is ahead is not reminded of so early; one that was replaced, not at
    all. What was missed while nothing ran is not made up for: the nearest day counts.
    """
    now = timezone.now()
    return sum(_remind(token, now) for token in list(_ending().filter(user__is_active=True).select_related("user")))


def ending(user: User) -> QuerySet[Token]:
    """The tokens of a person that end within two weeks and were not replaced, the first to end first."""
    return _ending().filter(user=user).order_by("expires_at")


def _ending() -> QuerySet[Token]:
    now = timezone.now()
    return Token.objects.filter(
        kind=Token.Kind.GRANULAR,
        revoked_at=None,
        replaced_by=None,
        expires_at__gt=now,
        expires_at__lte=now + timedelta(days=DAYS[0]),
    )


def _remind(token: Token, now) -> bool:
    left, life = token.expires_at - now, token.expires_at - token.created_at
    due = [days for days in DAYS if left <= timedelta(days=days) < life]
    if not due or (token.reminded is not None and token.reminded <= min(due)):
        return False
    with transaction.atomic():
        # Of two that run at once, one finds the row as it was read.
        if not Token.objects.filter(pk=token.pk, reminded=token.reminded).update(reminded=min(due)):
            return False
        called = token.name or token.prefix
        day = date_format(token.expires_at, "j F Y")
        used = f"It was last used on {date_format(token.last_used_at, 'j F Y')}" if token.last_used_at else ""
        where = f" by {agents.in_words(token.last_used_by)}" if used and token.last_used_by else ""
        notices.tell(
            token.user,
            notices.Kind.TOKENS,
            f"The token {called} ends on {day}",
            "Whatever uses it gets 401 from then on. Replace it before: the old one may work for some hours more.",
            f"{used}{where}." if used else "It was never used; if nothing needs it, let it end.",
            link=("Replace it", notices.page("tokens")),
        )
    return True
