"""What templates say about events, sizes and names."""

from __future__ import annotations

import re
import zlib
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import urlencode

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts import agents, audit, limits
from registry_site import moments

register = template.Library()

HUES = 8
NAMED = 10  # names in a sentence; the rest is counted


@register.filter
def sentence(event) -> str:
    """What an audit event says happened."""
    return audit.sentence(event)


@register.filter
def moment(when: datetime | None) -> SafeString:
    """A moment, past or to come, in one unit: "3 days ago"; the exact time on hover."""
    if not when:
        return format_html('<span class="time">{}</span>', "never")
    exact = when.astimezone(UTC)
    said = moments.in_words(exact, datetime.now(UTC))
    title = f"{exact.day} {exact:%B %Y, %H:%M:%S} UTC"
    return format_html('<time class="time" datetime="{}" title="{}">{}</time>', exact.isoformat(), title, said)


@register.filter
def token_does(token) -> str:
    """What a token, or the limits of one to be, does."""
    return limits.sentence(token)


@register.filter
def client(agent: str) -> str:
    """A user agent in words."""
    return agents.in_words(agent)


@register.filter
def named(names: list[str]) -> str:
    """The first ten of some names, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


@register.filter
def token_facts(limits_) -> list[str]:
    """The same, a line for each limit: what it does, where, until when, and what it never does."""
    return limits.facts(limits_)


@register.filter
def initials(name: str) -> str:
    """The two letters of an avatar."""
    return name.lstrip("@")[:2]


@register.filter
def hue(name: str) -> int:
    """The colour of an avatar: the same for a name everywhere."""
    return zlib.crc32(name.lstrip("@").encode()) % HUES


@register.filter
def size(count: int) -> str:
    """Bytes for people: 86.2 kB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return ""


@register.simple_tag
def spark(counts: list[int]) -> dict[str, int | str]:
    """A line over some numbers, as the paths of a drawing: `line`, and the `area` below it."""
    width, height = 300, 44
    most, step = max([*counts, 1]), width / max(len(counts) - 1, 1)
    points = [f"{n * step:.1f} {height - 2 - count / most * (height - 4):.1f}" for n, count in enumerate(counts)]
    line = "M" + "L".join(points)
    return {"width": width, "height": height, "line": line, "area": f"{line}L{width} {height}L0 {height}Z"}


@register.simple_tag
def marked(text: str, words) -> SafeString:
    """A text, escaped, in which each of the words is marked wherever it stands, in any case."""
    wanted = _any_of(tuple(words or ()))
    parts = wanted.split(text) if wanted else [text]
    shown = (format_html("<mark>{}</mark>", part) if n % 2 else part for n, part in enumerate(parts))
    return format_html_join("", "{}", ((part,) for part in shown))


@register.simple_tag(takes_context=True)
def with_query(context, name: str, value) -> str:
    """The current address's query with one value changed, where its name is not known before."""
    return same_query(context, **{name: value})


@register.simple_tag(takes_context=True)
def same_query(context, **changes) -> str:
    """The current address's query with some values changed; an empty value leaves it out."""
    query = {name: values for name, values in context["request"].GET.lists() if name not in ("page", *changes)}
    query |= {name: value for name, value in changes.items() if value not in ("", None)}
    return "?" + urlencode(query, doseq=True)


@lru_cache(100)
def _any_of(words: tuple[str, ...]) -> re.Pattern[str] | None:
    escaped = [re.escape(word) for word in sorted(words, key=len, reverse=True) if word]
    return re.compile(f"({'|'.join(escaped)})", re.IGNORECASE) if escaped else None
