"""The table of a run: what a request costs each server, and how that compares."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs/benchmarks.md"
BEGIN, END = "<!-- table -->", "<!-- end of table -->"


@dataclass(frozen=True)
class Median:
    """Of the rounds of one server. cpu: seconds a request; spread: between its dearest and its cheapest round."""

    cpu: float
    rate: float
    p50: float
    p99: float
    spread: float


def head(names: list[str]) -> str:
    """The first lines of the table."""
    columns = [f"{name}: CPU ms (spread)" for name in names]
    columns += [f"ours / {name}" for name in names[1:]]
    columns += [f"{name}: req/s, p50, p99 ms" for name in names]
    return "| | " + " | ".join(columns) + " |\n|---|" + "---|" * len(columns)


def line(what: str, names: list[str], found: dict[str, Median]) -> str:
    """A line of it; a server that could not be asked has a dash."""
    known = [found.get(name) for name in names]
    costs = [f"{each.cpu * 1000:.2f} ({each.spread * 1000:.2f})" if each else "-" for each in known]
    ratios = [_ratio(found[names[0]], each) if each else "-" for each in known[1:]]
    speeds = [f"{each.rate:.0f}, {each.p50 * 1000:.1f}, {each.p99 * 1000:.1f}" if each else "-" for each in known]
    return f"| {what} | " + " | ".join([*costs, *ratios, *speeds]) + " |"


def write(names: list[str], lines: list[str]) -> None:
    """Put the table into docs/benchmarks.md, between its marks."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    when = datetime.now(UTC).strftime("%d %B %Y")
    machine = f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}"
    table = "\n".join([f"Measured on {when}: {machine}.", "", head(names), *lines])
    PAGE.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.partition(END)[2]}")


def _ratio(ours: Median, other: Median) -> str:
    return f"1/{other.cpu / ours.cpu:.1f}" if 0 < ours.cpu < other.cpu else f"{ours.cpu / (other.cpu or 1e-9):.2f}"
