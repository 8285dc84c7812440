"""What templates say about events, sizes and names."""

from __future__ import annotations

import zlib

from django import template

from accounts import audit, limits

register = template.Library()

HUES = 8


@register.filter
def sentence(event) -> str:
    """What an audit event says happened."""
    return audit.sentence(event)


@register.filter
def token_does(token) -> str:
    """What a token, or the limits of one to be, does."""
    return limits.sentence(token)


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
