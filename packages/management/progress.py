"""How far a command is that takes long, on standard error: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

EVERY = 30  # seconds between two lines


@contextmanager
def bar() -> Iterator[Progress]:
    """The bar, for `with`."""
    is_shown = sys.stderr.isatty()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not is_shown) as progress:
        done = threading.Event()
        if not is_shown:
            threading.Thread(target=_say, args=(progress, done), daemon=True).start()
        try:
            yield progress
        finally:
            done.set()


def _say(progress: Progress, done: threading.Event) -> None:
    while not done.wait(EVERY):
        for task in progress.tasks:
            of = f" of {task.total:,.0f}" if task.total else ""
            print(f"{task.description}: {task.completed:,.0f}{of}", file=sys.stderr, flush=True)
