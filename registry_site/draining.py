"""Whether this server is about to stop: `/healthz/ready` says so first, and requests are served a while longer.

One byte of memory that the process above the workers shares with them. It imports nothing of the product, because
that process does not either.
"""

from __future__ import annotations

import mmap
import os
import shutil
import signal
import threading
from pathlib import Path
from typing import Any

_flag = mmap.mmap(-1, 1)  # anonymous: processes that are forked from this one see the same byte


def is_on() -> bool:
    """Whether no more requests should be sent here."""
    return _flag[0] == 1


def begin() -> None:
    """Say from now on that no more requests should be sent here."""
    _flag[0] = 1


def end() -> None:
    """Take it back; a test does."""
    _flag[0] = 0


def prepare(server: Any, seconds: float, metrics: Path) -> None:
    """Get gunicorn's first process ready, before it starts others.

    seconds: how long it serves on after a SIGTERM. A second SIGTERM stops it at once. metrics: the folder where the
    processes of this server keep their counts; what an earlier server left there is removed.
    """
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(parents=True, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
    if seconds <= 0:
        return

    def stop(kind: int, frame: Any) -> None:
        if is_on():
            server.signal(kind, frame)
            return
        begin()
        alarm = threading.Timer(seconds, server.signal, (kind, None))
        alarm.daemon = True
        alarm.start()

    signal.signal(signal.SIGTERM, stop)


def gone(metrics: Path, process: int) -> None:
    """Forget what a worker that ended had still to write. process: its id."""
    for path in metrics.glob(f"gauge_live*_{process}.db"):
        path.unlink(missing_ok=True)
