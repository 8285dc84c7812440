"""`python -m tests.bench.million`: whether hot questions cost the same with 10,000, 100,000 and 1,000,000 packages.

Fills a PostgreSQL of its own with rows as so many packages would leave them, three versions each, without their texts,
and asks after each step. `--most 100000` ends earlier; with DATABASE_URL set, that database is filled and kept.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile

STEPS = (10_000, 100_000, 1_000_000)


def main(words: list[str]) -> int:
    """Start a PostgreSQL, where none is named, and measure in a process that uses it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=STEPS[-1], help="packages in the last step")
    most = parser.parse_args(words).most
    if "DATABASE_URL" in os.environ:
        return _measure([each for each in STEPS if each <= most])
    beside = [sys.executable, "-m", "tests.tools.postgres", "--", sys.executable, "-m", "tests.bench.million"]
    with tempfile.TemporaryDirectory(prefix="million-") as folder:
        environ = os.environ | {"DATA_DIR": folder}
        return subprocess.run([*beside, "--most", str(most)], env=environ).returncode


def _measure(steps: list[int]) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry_site.settings")
    os.environ.setdefault("RATE_LIMITS", "off")
    import django

    django.setup()
    from tests.bench import questions, rows

    rows.begin()
    columns: dict[str, list[tuple[float, int]]] = {}
    before = 0
    for count in steps:
        seconds = rows.fill(before, count)
        print(f"{count:,} packages: filled in {seconds:.0f} s", file=sys.stderr, flush=True)
        for name, found in questions.medians(count).items():
            columns.setdefault(name, []).append(found)
        before = count
        print(table([each for each in steps if each <= count], columns), flush=True)
    return 0


def table(steps: list[int], columns: dict[str, list[tuple[float, int]]]) -> str:
    """The medians as a table of Markdown: a line for each question, a column for each number of packages."""
    lines = [["ms, blocks, with", *(f"{count:,} packages" for count in steps)], ["---", *("---:" for _ in steps)]]
    lines += [[name, *(f"{spent:.1f} ms, {blocks:,}" for spent, blocks in found)] for name, found in columns.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
