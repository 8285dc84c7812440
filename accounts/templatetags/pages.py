"""What templates say about events, sizes and names."""

from __future__ import annotations

import zlib

from django import template

from accounts import audit

register = template.Library()

HUES = 8


@register.filter
def sentence(event) -> str:
    """What an audit event says happened."""
    return audit.sentence(event)


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


@register.simple_tag(takes_context=True)
def same_query(context, **changes) -> str:
    """The current address's query with some values changed; an empty value leaves it out."""
    query = context["request"].GET.copy()
    query.pop("page", None)
    for name, value in changes.items():
        query.pop(name, None)
        if value not in ("", None):
            query[name] = value
    return "?" + query.urlencode()
