"""The real product: a prepared data folder, then gunicorn, on a free loopback port."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.tools import deployed, ports, prepared

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120
LISTENS = "Listening on "  # what gunicorn.conf.py says once the port is its own
KEPT = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR")
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NotStarted(Exception):
    """The product did not come up; the message ends with its log."""


class Registry:
    """A running product, for `with`.

    env: its settings; nothing else of this process's environment reaches it but the path, the home and the like.
    They are those of tests/tools/quick.py, unless DJANGO_SETTINGS_MODULE is among them.
    data_dir: kept afterwards when given, else a folder that is removed. In a run on PostgreSQL and an object store it
    has places there instead, unless `env` names others (tests/tools/deployed.py).
    at_root: serve the registry at the root of a host of its own too (REGISTRY_HOST), which clients then use.
    Raises NotStarted on entering.
    """

    command = (sys.executable, "-m", "gunicorn")
    application = "registry_site.wsgi:application"

    def __init__(
        self, env: Mapping[str, str] | None = None, data_dir: Path | None = None, *, at_root: bool = False
    ) -> None:
        self.at_root = at_root
        self._own_folder = None if data_dir else tempfile.mkdtemp(prefix="test-registry-")
        self.data_dir = Path(data_dir or self._own_folder).resolve()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._log_file = self.data_dir / "test-server.log"
        self._process: subprocess.Popen | None = None
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        own = {"PYTHONUNBUFFERED": "1", "WEB_CONCURRENCY": "1", "DJANGO_SETTINGS_MODULE": "tests.tools.quick"}
        self.environ = {**kept, **own, **(env or {})}
        self.environ["DATA_DIR"] = str(self.data_dir)
        self.environ |= deployed.places(self.data_dir, env or {})
        self.port = 0

    @property
    def url(self) -> str:
        """The website's address, without a last slash."""
        return f"http://{'localhost' if self.at_root else '127.0.0.1'}:{self.port}"

    @property
    def registry(self) -> str:
        """The registry's address, as npm wants it."""
        if self.at_root:
            return f"http://127.0.0.1:{self.port}/"
        return f"{self.url}/npm/"

    @property
    def pid(self) -> int:
        """Of the process above all that it started."""
        return self._process.pid

    @property
    def log(self) -> str:
        """All that the product said so far."""
        return self._log_file.read_text(errors="replace") if self._log_file.exists() else ""

    def manage(self, *args: str, input: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `manage.py` with the same settings. check: raise NotStarted unless it ends with 0."""
        done = subprocess.run(
            [sys.executable, "manage.py", *args],
            cwd=ROOT,
            env=self.environ,
            text=True,
            capture_output=True,
            timeout=2 * SECONDS,
            **({"stdin": subprocess.DEVNULL} if input is None else {"input": input}),
        )
        if check and done.returncode:
            raise NotStarted(f"manage.py {' '.join(args)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def start(self) -> None:
        """Start it and wait until it answers; on another port when somebody took the first one. Raises NotStarted."""
        is_prepared = prepared.copy_into(self.data_dir, self.environ)
        for _ in range(3):
            self.port = ports.free()
            self.environ["PORT"] = str(self.port)
            if self.at_root:
                self.environ |= {"PUBLIC_URL": self.url, "REGISTRY_HOST": f"127.0.0.1:{self.port}"}
            self._log_file.write_text("" if is_prepared else self.manage("prepare").stdout)
            if self._launch():
                return
            self.stop()
            if "already in use" not in self.log:
                break
        raise NotStarted(f"the registry did not come up; it said:\n{self.log}")

    def stop(self) -> None:
        """Stop it and everything it started. Stopping twice does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        _signal_group(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
        _signal_group(process.pid, signal.SIGKILL)
        process.wait()

    def __enter__(self) -> Registry:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *reason: object) -> None:
        self.stop()
        if self._own_folder:
            shutil.rmtree(self._own_folder, ignore_errors=True)

    def _launch(self) -> bool:
        said = len(self.log)
        with self._log_file.open("ab") as output:
            self._process = subprocess.Popen(
                [*self.command, "-c", "gunicorn.conf.py", self.application],
                cwd=ROOT,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a process group of its own, which stop() ends as a whole
            )
        return self._answers(said)

    def _answers(self, said: int) -> bool:
        last = time.monotonic() + SECONDS
        while time.monotonic() < last and self._process.poll() is None:
            try:
                if LISTENS in self.log[said:]:  # else it may be another program that answers on this port
                    with DIRECT.open(f"{self.url}/-/ping", timeout=30) as answer:
                        return answer.status == 200
            except OSError:  # not answering 200 yet
                pass
            time.sleep(0.05)
        return False


def _signal_group(group: int, kind: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group that has just ended
        os.killpg(group, kind)
