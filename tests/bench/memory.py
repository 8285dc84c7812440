"""What our processes hold after everything else was measured."""

from __future__ import annotations

from tests.bench.report import Bar, Section
from tests.bench.run import Run

MEGABYTE = 1024 * 1024
MOST = 150.0
TEXT = (
    "What each process of ours has in memory (resident, shared libraries included) at the end of its part of the run."
)
HEAD = ("", "MB")


def measure(run: Run) -> Section:
    """Look at the servers that still run; those that ended were noted then."""
    run.note_memory()
    section = Section("Memory", TEXT, HEAD)
    workers = []
    for server, held in run.memory.items():
        for process, size in held.items():
            section.rows.append([f"{server}: {process}", f"{size / MEGABYTE:.0f}"])
            if process.startswith("worker"):
                workers.append(size / MEGABYTE)
    section.bars.append(Bar("memory of the largest worker", max(workers, default=None), MOST, "MB"))
    return section
