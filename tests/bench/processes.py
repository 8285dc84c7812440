"""What a server and all it started took from the machine so far."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
_RESET_PEAK = "5"  # proc_pid_clear_refs(5): the peak starts anew from what is in memory now


def tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            child, parent = int(path.parent.name), int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):  # it ended meanwhile
            continue
        children.setdefault(parent, []).append(child)
    found, waiting = [], [pid]
    while waiting:
        each = waiting.pop()
        found.append(each)
        waiting.extend(children.get(each, []))
    return found


def named(word: str, pid: int) -> list[int]:
    """The direct children of a process whose program is called so."""
    return [each for each in tree(pid) if _text(each, "comm").strip() == word and _parent(each) == pid]


def cpu_seconds(*pids: int) -> float:
    """User and system time of the whole trees, of children that ended too."""
    return sum(_own_seconds(each) + _ended_seconds(each) for pid in pids for each in tree(pid))


def resident(pid: int) -> dict[int, int]:
    """Bytes that each process of the tree has in memory."""
    return {each: _status(each, "VmRSS") for each in tree(pid)}


def does(pid: int) -> str:
    """What a process is for, by its command line: `worker` and `master` of gunicorn, `background`, or its program."""
    words = _text(pid, "cmdline").split("\0")
    if "manage.py" in words:
        return "background worker"
    if "gunicorn" in " ".join(words[:4]):
        return "worker" if "gunicorn" in _text(_parent(pid), "cmdline") else "master"
    return os.path.basename(words[0]) or "?"


def growth(pid: int, work: Callable[[], object]) -> int:
    """By how many bytes the processes of a tree together grew at the most while `work` ran.

    Raises OSError where the system keeps no peaks.
    """
    before = {}
    for each in tree(pid):
        Path(f"/proc/{each}/clear_refs").write_text(_RESET_PEAK)
        before[each] = _status(each, "VmRSS")
    work()
    return sum(max(0, _status(each, "VmHWM") - before.get(each, 0)) for each in tree(pid))


def _own_seconds(pid: int) -> float:
    # The clock of another process, to the nanosecond; the ticks of /proc are too coarse for one request.
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return sum(_ticks(pid, 11)) / TICKS


def _ended_seconds(pid: int) -> float:
    return sum(_ticks(pid, 13)) / TICKS


def _ticks(pid: int, first: int) -> list[int]:
    return [int(field) for field in _text(pid, "stat").rpartition(")")[2].split()[first : first + 2]]


def _parent(pid: int) -> int:
    return int(next(iter(_text(pid, "stat").rpartition(")")[2].split()[1:2]), 0))


def _status(pid: int, key: str) -> int:
    lines = (line.split() for line in _text(pid, "status").splitlines())
    return next((int(words[1]) * 1024 for words in lines if words[0] == f"{key}:"), 0)


def _text(pid: int, file: str) -> str:
    try:
        return Path(f"/proc/{pid}/{file}").read_text(errors="replace")
    except OSError:
        return ""
