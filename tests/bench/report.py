"""What a run says: a table for each thing measured, the bars that it was measured for, and the machine it ran on."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs/benchmarks.md"
BEGIN, END = "<!-- measured: a new run writes all up to the end of this anew -->", "<!-- end of what was measured -->"


@dataclass(frozen=True)
class Figure:
    """The rounds of one measurement: the median counts, the spread says how steady it is."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def spread(self) -> float:
        return max(self.rounds) - min(self.rounds)

    def shown(self, factor: float = 1, digits: int = 2) -> str:
        """The median with the spread in brackets, times a factor, as in `1.24 (0.10)`."""
        return f"{self.median * factor:.{digits}f} ({self.spread * factor:.{digits}f})"


@dataclass(frozen=True)
class Bar:
    """A promise of this project. value, limit: what was found and what it may be at the most; None: not measured."""

    what: str
    value: float | None
    limit: float | None
    unit: str = ""

    @property
    def words(self) -> tuple[str, str, str, str]:
        """Its line: what, the limit, what was found, and whether it is met."""
        limit = "-" if self.limit is None else f"{_short(self.limit)} {self.unit}".strip()
        if self.value is None or self.limit is None:
            return self.what, limit, "-", "not measured"
        found = f"{_short(self.value)} {self.unit}".strip()
        if self.value <= self.limit:
            return self.what, limit, found, "met"
        times = f", {self.value / self.limit:.2f} times the bar" if self.limit else ""
        return self.what, limit, found, f"**missed**{times}"


@dataclass
class Section:
    """A chapter of the report. head: of its table; rows: as long as the head; notes: sentences below it."""

    title: str
    text: str
    head: Sequence[str] = ()
    rows: list[Sequence[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)

    def lines(self) -> Iterable[str]:
        """The chapter in Markdown."""
        yield from (f"## {self.title}", "", self.text, "")
        if self.head:
            yield from (*_table(self.head, self.rows), "")
        for note in self.notes:
            yield from (note, "")


def ratio(ours: float | None, other: float | None) -> str:
    """How many times as much as another: `1/4.2` where it is less, `1.30` where it is more, a dash where unknown."""
    if ours is None or not other:
        return "-"
    return f"1/{other / ours:.1f}" if 0 < ours < other else f"{ours / other:.2f}"


def bars(sections: Iterable[Section]) -> Section:
    """The chapter of all bars."""
    rows = [bar.words for section in sections for bar in section.bars]
    text = "What is promised, and what this run found. A ratio of two servers comes from rounds in turns."
    return Section("The bars", text, ("", "at the most", "found", ""), rows)


def text(machine: Iterable[str], sections: Sequence[Section]) -> str:
    """The whole of what was measured, in Markdown."""
    when = datetime.now(UTC).strftime("%d %B %Y").lstrip("0")
    parts = [f"Measured on {when}.", "", *(f"- {line}" for line in machine), ""]
    for section in (bars(sections), *sections):
        parts += section.lines()
    return "\n".join(parts).rstrip()


def write(measured: str, page: Path = PAGE) -> None:
    """Put it into docs/benchmarks.md between its marks; what stands around them, written by hand, stays."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{measured}\n\n{END}{after}")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---|" + "---:|" * (len(head) - 1)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
