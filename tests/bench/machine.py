"""The machine that a run was on, in a few lines."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.tools import postgres


def description() -> list[str]:
    """Processor, memory, system, and the versions of what was measured."""
    memory = re.search(r"MemTotal:\s+(\d+)", _read("/proc/meminfo"))
    model = re.search(r"model name\s*:\s*(.+)", _read("/proc/cpuinfo"))
    load = os.getloadavg()[0]
    return [
        f"{os.cpu_count()} cores ({model[1] if model else platform.machine()}), "
        f"{int(memory[1]) / 1024**2:.0f} GB of memory" if memory else f"{os.cpu_count()} cores",
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        f"SQLite {sqlite3.sqlite_version}, PostgreSQL {postgres.VERSION}, {_nginx()}",
        f"{load:.1f} processes ran or waited before it began, so the machine was {'quiet' if load < 0.5 else 'busy'}",
    ]  # fmt: skip


def _nginx() -> str:
    with suppress(OSError):
        path = f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin"
        said = subprocess.run(["nginx", "-v"], env={"PATH": path}, capture_output=True, text=True)
        return said.stderr.strip().removeprefix("nginx version: ")
    return "no nginx"


def _read(path: str) -> str:
    with suppress(OSError):
        return Path(path).read_text()
    return ""
