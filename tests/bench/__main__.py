"""`python -m tests.bench [WORD ...]`: measures, prints, and with --write puts all of it into docs/benchmarks.md."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Callable

from tests.bench import installing, machine, memory, pages, parallel, publishing, reading, report, searching, uploading
from tests.bench.report import Section
from tests.bench.run import Run

PARTS: dict[str, Callable[[Run], Section]] = {
    "install": installing.measure,
    "publish": publishing.measure,
    "upload": uploading.measure,
    "parallel": parallel.measure,
    "search": searching.measure,
    "pages": pages.measure,
    "memory": memory.measure,
}
WORDS = (*reading.WORDS, *PARTS)


def main(words: list[str]) -> int:
    """Measure one part after the other; gives 1 when one of them broke, which the report says, too."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("only", nargs="*", metavar="WORD", help=f"which parts, of {' '.join(WORDS)}; all by default")
    parser.add_argument("--write", action="store_true", help="keep it in docs/benchmarks.md; for whole runs")
    options = parser.parse_args(words)
    if unknown := [word for word in options.only if word not in WORDS]:
        parser.error(f"there is no part {unknown[0]}; there are {' '.join(WORDS)}")
    for kind in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(kind, lambda number, frame: sys.exit(128 + number))
    quick = os.environ.get("QUICK", "") not in ("", "0")
    described = machine.description()
    sections, broken = [], []
    with Run(quick=quick) as run:
        for title, measure in _parts(options.only):
            print(f"Measuring {title} ...", flush=True)
            sections.append(_measured(title, measure, run, broken))
            print(*sections[-1].lines(), sep="\n", flush=True)
        described += [f"Without {name}: {reason}" for name, reason in run.absent.items()]
    print(*report.bars(sections).lines(), *described, sep="\n")
    if options.write and not options.only and not quick:
        report.write(report.text(described, sections))
    return 1 if broken else 0


def _parts(only: list[str]) -> list[tuple[str, Callable[[Run], Section]]]:
    reads = [word for word in reading.WORDS if word in only] or ([] if only else list(reading.WORDS))
    first = [("packuments and tarballs", lambda run: reading.measure(run, reads))] if reads else []
    return first + [(word, measure) for word, measure in PARTS.items() if word in only or not only]


def _measured(title: str, measure: Callable[[Run], Section], run: Run, broken: list[str]) -> Section:
    try:
        return measure(run)
    except Exception as reason:  # whatever it was: a run takes long, and the other parts are good without this one
        broken.append(title)
        traceback.print_exc()
        said = next(iter(str(reason).splitlines()), "").rstrip(".")
        return Section(title.capitalize(), f"This could not be measured: {said or type(reason).__name__}.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
