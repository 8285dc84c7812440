"""Moments: as JavaScript writes them, which is how every npm client reads and compares them, and as people say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_UNITS = (("week", timedelta(weeks=1)), ("day", timedelta(days=1)), ("hour", timedelta(hours=1)))


def iso(moment: datetime) -> str:
    """A moment to the millisecond, in UTC: 2026-01-31T12:00:00.000Z."""
    moment = moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def in_words(moment: datetime, now: datetime) -> str:
    """How long ago a moment was, or how far off it is, in its largest unit: 3 weeks ago, in 2 days, just now."""
    if moment > now:
        return f"in {size}" if (size := _between(now, moment)) else "just now"
    return f"{size} ago" if (size := _between(moment, now)) else "just now"


def _between(first: datetime, last: datetime) -> str:
    months = (last.year - first.year) * 12 + last.month - first.month
    months -= (last.day, last.time()) < (first.day, first.time())  # as calendars count: of 31 January, 1 March is one
    if months:
        return _some(months // 12, "year") if months >= 12 else _some(months, "month")
    span = last - first
    for unit, size in _UNITS:
        if span >= size:
            return _some(span // size, unit)
    minutes = span // timedelta(minutes=1)
    return _some(minutes, "minute") if minutes else ""


def _some(count: int, unit: str) -> str:
    return f"{count}\N{NO-BREAK SPACE}{unit}{'s' * (count != 1)}"
