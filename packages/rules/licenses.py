"""Whether a license, as a manifest names it, is one of those that are blocked (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

UNKNOWN = "unknown"  # in a list of blocked licenses: versions that name none
_WORD = re.compile(r"\(|\)|[^\s()]+")
_VARIANTS = ("", "+", "-only", "-or-later")


def is_blocked(license: str, blocked: Iterable[str]) -> bool:
    """Whether nothing is left of an SPDX expression without the blocked licenses.

    license: as in `MIT`, `(MIT OR GPL-3.0-only)`; "" when the manifest names none.
    blocked: ids in any case, `GPL-3.0` for all its forms, with `*` as in `AGPL-*`, and `unknown` for none at all.
    Of a choice (OR) one license that is not blocked is enough; of several together (AND) none may be blocked. What is
    no expression is blocked when any of its words is.
    """
    patterns = [each.lower() for each in blocked]
    text = license.strip()
    if not text:
        return UNKNOWN in patterns
    words = _WORD.findall(text)
    try:
        verdict, rest = _choice(words, patterns)
    except IndexError:
        rest, verdict = words, False
    return any(_is_one(word, patterns) for word in words) if rest else verdict


def _choice(words: list[str], patterns: list[str]) -> tuple[bool, list[str]]:
    blocked, words = _together(words, patterns)
    while words and words[0].upper() == "OR":
        other, words = _together(words[1:], patterns)
        blocked = blocked and other
    return blocked, words


def _together(words: list[str], patterns: list[str]) -> tuple[bool, list[str]]:
    blocked, words = _one(words, patterns)
    while words and words[0].upper() == "AND":
        other, words = _one(words[1:], patterns)
        blocked = blocked or other
    return blocked, words


def _one(words: list[str], patterns: list[str]) -> tuple[bool, list[str]]:
    first, rest = words[0], words[1:]
    if first == "(":
        blocked, rest = _choice(rest, patterns)
        if rest[0] != ")":
            raise IndexError
        return blocked, rest[1:]
    if rest and rest[0].upper() == "WITH":
        rest = rest[2:]
    return _is_one(first, patterns), rest


def _is_one(word: str, patterns: list[str]) -> bool:
    word = word.lower()
    return any(fnmatchcase(word, pattern + end) for pattern in patterns for end in _VARIANTS)
