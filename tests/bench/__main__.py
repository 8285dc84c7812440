"""`python -m tests.bench [ONLY]`: prints a table, and with --write puts the whole one into docs/benchmarks.md."""

from __future__ import annotations

import argparse
import statistics
from contextlib import ExitStack

from tests.bench import reading, report, servers
from tests.bench.reading import Measured


def main() -> None:
    """Start the servers, ask them, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("only", nargs="?", default="", choices=["", "ping", "packument", "tarball"])
    parser.add_argument("--write", action="store_true", help="keep the table in docs/benchmarks.md")
    options = parser.parse_args()
    with ExitStack() as stack:
        print("Filling the servers ...", flush=True)
        own, registry = stack.enter_context(servers.ours())
        others = [stack.enter_context(each(registry)) for each in (servers.verdaccio, servers.nginx)]
        running = [own, *filter(None, others)]
        names = [each.name for each in running]
        print(report.head(names), flush=True)
        lines = []
        for case in reading.cases(options.only):
            lines.append(report.line(case.name, names, _medians(reading.measure(case, running))))
            print(lines[-1], flush=True)
    if options.write:
        report.write(names, lines)


def _medians(results: dict[str, list[Measured]]) -> dict[str, report.Median]:
    return {
        name: report.Median(
            *(statistics.median(getattr(each, field) for each in rounds) for field in ("cpu", "rate", "p50", "p99")),
            spread=(max(each.cpu for each in rounds) - min(each.cpu for each in rounds)),
        )
        for name, rounds in results.items()
    }


if __name__ == "__main__":
    main()
