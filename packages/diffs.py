"""Two texts line by line, within bounds whatever they are, and with everything in them visible (pure)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher

CONTEXT = 3
MAX_LINE = 500  # characters
# Marks that draw nothing and follow others: whole programs were hidden in them.
_INVISIBLE = re.compile("[\ufe00-\ufe0e\U000e0100-\U000e01ef\u034f\u115f\u1160\u3164\uffa0]")
_SIGNS = {"added": "+", "removed": "-", "same": " "}


@dataclass(frozen=True)
class Line:
    """kind: added, removed, same, or place, which says where the lines that follow stand."""

    kind: str
    text: str

    @property
    def shown(self) -> str:
        """The line as a unified diff has it."""
        return _SIGNS.get(self.kind, "") + self.text


@dataclass
class Budget:
    """What all comparisons of one page may cost together; each takes from it."""

    steps: int = 8_000_000  # of comparing lines: a second or two at worst
    characters: int = 256 * 1024


@dataclass(frozen=True)
class Diff:
    """lines: of a unified diff. note: why there are none, or not all; "" when they are all there."""

    lines: list[Line] = field(default_factory=list)
    note: str = ""


def between(before: bytes, after: bytes, budget: Budget) -> Diff:
    """The lines that differ, with some around them; a file that is not there is empty.

    What would cost more than the budget has left is not compared, and says so. A character that draws nothing, or
    that turns the direction of what follows, stands there as its number, as in \\u202e.
    """
    old, new = text_lines(before), text_lines(after)
    if old is None or new is None:
        return Diff(note="not text")
    start, end = _common_ends(old, new)
    cost = _cost(old[start : len(old) - end], new[start : len(new) - end])
    if cost > budget.steps:
        return Diff(note="too different to show line by line")
    budget.steps -= cost
    kept: list[Line] = []
    for line in _unified(old, new, start, end):
        shown = _visible(line)
        budget.characters -= len(shown.text) + 1
        if budget.characters < 0:
            return Diff(kept, "more than fits on this page")
        kept.append(shown)
    return Diff(kept)


def text_lines(data: bytes) -> list[str] | None:
    """The lines of a text in UTF-8, None for other bytes."""
    if b"\0" in data:
        return None
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        return None
    if lines[-1] == "":
        lines.pop()
    return lines


def visible(text: str) -> str:
    """A line with every character that draws nothing, or that turns the direction of what follows, as its number."""
    return text if text.isprintable() and not _INVISIBLE.search(text) else "".join(map(_spelled, text))


def _cost(old: list[str], new: list[str]) -> int:
    # difflib looks for the longest run again and again; each look walks over all pairs of equal lines.
    counts = Counter(new)
    pairs = sum(counts[line] for line in old)
    return len(old) + len(new) + pairs * min(len(old), len(new))


def _unified(old: list[str], new: list[str], start: int, end: int) -> Iterator[Line]:
    middle = SequenceMatcher(None, old[start : len(old) - end], new[start : len(new) - end], autojunk=False)
    operations = [("equal", 0, start, 0, start)] if start else []
    operations += [
        (word, a + start, b + start, c + start, d + start)
        for word, a, b, c, d in middle.get_opcodes()
        if b > a or d > c
    ]
    if end:
        operations.append(("equal", len(old) - end, len(old), len(new) - end, len(new)))
    matcher = SequenceMatcher(None, "", "")
    matcher.opcodes = operations  # type: ignore[attr-defined]  # its own grouping, of what we found faster
    for group in matcher.get_grouped_opcodes(CONTEXT):
        (_, a, _, c, _), (_, _, b, _, d) = group[0], group[-1]
        yield Line("place", f"@@ -{a + 1},{b - a} +{c + 1},{d - c} @@")
        for word, a, b, c, d in group:
            if word == "equal":
                yield from (Line("same", text) for text in old[a:b])
            else:
                yield from (Line("removed", text) for text in old[a:b])
                yield from (Line("added", text) for text in new[c:d])


def _common_ends(old: list[str], new: list[str]) -> tuple[int, int]:
    shorter, start, end = min(len(old), len(new)), 0, 0
    while start < shorter and old[start] == new[start]:
        start += 1
    while end < shorter - start and old[-1 - end] == new[-1 - end]:
        end += 1
    return start, end


def _visible(line: Line) -> Line:
    text = line.text.removesuffix("\r")
    more = len(text) - MAX_LINE
    if more > 0:
        text = text[:MAX_LINE]
    text = visible(text)
    return Line(line.kind, f"{text} … and {more:,} more characters" if more > 0 else text)


def _spelled(character: str) -> str:
    if character == "\t" or (character.isprintable() and not _INVISIBLE.match(character)):
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\u{{{code:x}}}"
