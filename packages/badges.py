"""Badges: two words in a small drawing, for readmes elsewhere (pure)."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString

HEIGHT = 20
PADDING = 6
MAX_WORD = 40
INK, LABEL_PAPER = "#fff", "#57606a"
BLUE, GREY = "#0b5fcc", "#566270"

_NARROW, _WIDE, _CAPITAL, _DIGIT = 4.0, 10.0, 7.8, 7.0  # of 11 px Verdana and its like
_OTHER = 6.7


def badge(label: str, value: str, paper: str = BLUE) -> SafeString:
    """The drawing, with its words for screen readers; a long word is cut.

    paper: the colour behind the value.
    """
    label, value = _cut(label), _cut(value)
    left, right = (round(width(word)) + 2 * PADDING for word in (label, value))
    return format_html(
        '<svg xmlns="http://www.w3.org/2000/svg" width="{all}" height="{height}" role="img" '
        'aria-label="{label}: {value}"><title>{label}: {value}</title>'
        '<clipPath id="r"><rect width="{all}" height="{height}" rx="4"/></clipPath>'
        '<g clip-path="url(#r)"><rect width="{left}" height="{height}" fill="{dark}"/>'
        '<rect x="{left}" width="{right}" height="{height}" fill="{paper}"/></g>'
        '<g fill="{ink}" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11">'
        '<text x="{pad}" y="14" textLength="{label_width}">{label}</text>'
        '<text x="{value_at}" y="14" textLength="{value_width}">{value}</text></g></svg>',
        all=left + right,
        height=HEIGHT,
        left=left,
        right=right,
        label=label,
        value=value,
        dark=LABEL_PAPER,
        paper=paper,
        ink=INK,
        pad=PADDING,
        label_width=left - 2 * PADDING,
        value_at=left + PADDING,
        value_width=right - 2 * PADDING,
    )


def width(word: str) -> float:
    """How wide a word is, in pixels, near enough: the drawing says its lengths, and no letter hangs over."""
    return sum(map(_letter, word))


def short(count: int) -> str:
    """A count in few letters: 980, 1.3k, 27k, 4.1M."""
    for unit in ("", "k", "M", "G"):
        if count < 999.5 or unit == "G":
            return f"{count:.1f}".removesuffix(".0") + unit if unit and count < 9.95 else f"{count:.0f}{unit}"
        count /= 1000
    return ""


def _letter(letter: str) -> float:
    if letter in " .,:;'!|iIjl()[]ftr-":
        return _NARROW
    if letter in "mwMW@%":
        return _WIDE
    return _DIGIT if letter.isdigit() else _CAPITAL if letter.isupper() else _OTHER


def _cut(word: str) -> str:
    return word if len(word) <= MAX_WORD else word[: MAX_WORD - 1] + "…"
