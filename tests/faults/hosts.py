"""Who serves: real gunicorn processes, which a test kills."""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.faults.load import Answer, ask
from tests.faults.places import Place
from tests.tools import ports
from tests.tools.server import DIRECT, ROOT, NotStarted, Registry

FAULTY = "tests.faults.wsgi:application"
READY_SECONDS = 60


class Broken(AssertionError):
    """The registry is not what it has to be; the message says in which ways."""


class Host(Registry):
    """A registry of real gunicorn processes over a place, for `with`; several hosts may share one on PostgreSQL.

    faulty: serve the application of tests/faults/wsgi.py, whose requests may say where they break.
    env: further settings; command: what runs gunicorn, with options of its own. It keeps its port when it starts again.
    """

    def __init__(
        self,
        place: Place,
        env: dict[str, str] | None = None,
        *,
        faulty: bool = False,
        command: Sequence[str] = Registry.command,
    ) -> None:
        folder = place.folder / f"host-{secrets.token_hex(3)}"  # spool and what else is its own
        own = {"WEB_CONCURRENCY": "2", "WORKER": "apart", **place.environ, **(env or {})}
        super().__init__(own, folder)
        self.place, self.command = place, tuple(command)
        if faulty:
            self.application = FAULTY
        (self.data_dir / "spool").mkdir(exist_ok=True)
        self._groups: list[int] = []
        self._left: list[int] = []

    def start(self) -> None:
        """Start it, on the port that it had. Raises NotStarted."""
        for _ in range(3):
            self.port = self.port or ports.free()
            self.environ["PORT"] = str(self.port)
            if self._launch():
                self._groups.append(self._process.pid)
                return
            said, was = self.log, self._groups
            self.stop()
            if was or "already in use" not in said:
                break
            self.port = 0
        raise NotStarted(f"the registry did not come up; it said:\n{self.log}")

    def stop(self) -> None:
        super().stop()
        for group in self._groups:  # of those that were killed, and left something
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        self._groups = []

    def workers(self) -> list[int]:
        """The processes that serve, of the one above them that runs now."""
        return [pid for pid in _children(self.pid) if b"gunicorn" in _command(pid)]

    def family(self) -> list[int]:
        """The process above all, and all that it started."""
        found = [self.pid]
        for pid in found:
            found += _children(pid)
        return found

    def ended(self, seconds: float = READY_SECONDS) -> int:
        """Wait until it ended by itself; gives the code it ended with."""
        return self._process.wait(seconds)

    def kill(self, what: str, dice: random.Random | None = None) -> None:
        """SIGKILL. what: `worker` (one of them), `workers`, `master`, or `all` that it is."""
        match what:
            case "worker":
                if found := self.workers():
                    _kill((dice or random).choice(found))
            case "workers":
                for pid in self.workers():
                    _kill(pid)
            case "master":
                self._left = self.workers()
                self._process.kill()
                self._process.wait()
            case "all":
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
            case _:
                raise ValueError(what)

    def start_again(self) -> None:
        """Start it anew, after its first process was killed. Raises NotStarted."""
        self._process.wait()
        wait_until(lambda: not any(map(is_alive, self._left)))  # they have the port, and look each second who is above
        self._left = []
        self.start()

    def wait_until_ready(self, seconds: float = READY_SECONDS) -> float:
        """Wait until it says that requests can be sent; gives for how many seconds. Raises Broken."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            with suppress(OSError), DIRECT.open(f"{self.url}/healthz/ready", timeout=5) as answer:
                if answer.status == 200:
                    return time.monotonic() - began
            time.sleep(0.05)
        raise Broken(f"not ready after {seconds} seconds; it said:\n{self.log[-3000:]}")

    def ask(self, method: str, path: str, who: str = "", body: bytes | None = None, **more: Any) -> Answer:
        """One request. who: the person whose token is sent. Raises Lost."""
        return ask(self.port, method, path, self.place.token[who] if who else "", body, **more)


def wait_until(done: Callable[[], Any], seconds: float = READY_SECONDS) -> Any:
    """Ask again and again until the answer is true; gives it. Raises Broken when it never is."""
    last = time.monotonic() + seconds
    while time.monotonic() < last:
        if found := done():
            return found
        time.sleep(0.02)
    raise Broken(f"it did not happen in {seconds} seconds")


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody asked for does not."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def broken_off(host: Host, seconds: float, *words: str) -> None:
    """Begin a `manage.py` command, and kill it after so many seconds, unless it ended before."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", *words], cwd=ROOT, env=host.environ, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _children(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError, IndexError):
            if entry.name.isdigit() and int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(entry.name))
    return found


def _command(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
