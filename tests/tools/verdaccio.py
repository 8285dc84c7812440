"""A real verdaccio on a free loopback port: a registry of others, which plays the upstream of ours."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.tools import clients, ports
from tests.tools.server import DIRECT, NotStarted

SECONDS = 120


class Verdaccio:
    """A running one, for `with`. packages: the folder that it gets a copy of, one folder in it a package.

    more: settings of its own beside or instead of the usual ones. env: added to its environment.
    Raises clients.Unavailable when it could not be fetched, NotStarted on entering.
    """

    def __init__(
        self, packages: Path, more: Mapping[str, Any] | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self._program = clients.ensure("upstream") / "node_modules/verdaccio/bin/verdaccio"
        self._packages = packages
        self._more, self._env = dict(more or {}), dict(env or {})
        self._folder = Path(tempfile.mkdtemp(prefix="test-verdaccio-"))
        self._process: subprocess.Popen | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Its address, without a last slash."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    @property
    def storage(self) -> Path:
        """The folder it keeps packages in; what is put there is served at the next request."""
        return self._folder / "storage"

    @property
    def log(self) -> str:
        """All that it said so far."""
        return (self._folder / "log").read_text(errors="replace")

    def start(self) -> None:
        """Start it and wait until it answers. Raises NotStarted."""
        self.port = self.port or ports.free()
        with (self._folder / "log").open("ab") as output:
            self._process = subprocess.Popen(
                [clients.node_bin(24), self._program, "--config", self._folder / "config.yaml", "--listen", self.url],
                cwd=self._folder,
                env={"HOME": str(self._folder), "PATH": os.environ["PATH"], "NO_UPDATE_NOTIFIER": "1", **self._env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        last = time.monotonic() + SECONDS
        while time.monotonic() < last and self._process.poll() is None:
            try:
                with DIRECT.open(urllib.request.Request(f"{self.url}/-/ping"), timeout=5):
                    return
            except OSError:  # not listening yet
                time.sleep(0.05)
        self.stop()
        raise NotStarted(f"verdaccio did not come up; it said:\n{self.log}")

    def stop(self) -> None:
        """Stop it. Stopping twice does nothing."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def __enter__(self) -> Verdaccio:
        try:
            shutil.copytree(self._packages, self.storage)
            (self._folder / "config.yaml").write_text(_config(self._folder, self._more))
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *reason: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def _config(folder: Path, more: Mapping[str, Any]) -> str:
    # JSON is YAML too. Without uplinks it asks nobody, and without the audit middleware it knows no advisories.
    return json.dumps(
        {
            "storage": str(folder / "storage"),
            "auth": {"htpasswd": {"file": str(folder / "htpasswd"), "max_users": -1}},
            "uplinks": {},
            "packages": {"**": {"access": "$all", "publish": "$authenticated"}},
            "web": {"enable": False},
            "log": {"type": "stdout", "format": "pretty", "level": "warn"},
            **more,
        }
    )
