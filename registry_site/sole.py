"""One server for each SQLite file, on a disk of its own machine: a second one, started by mistake, does not serve.

It imports nothing of the product, because the process above the workers, which holds the file, does not either.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import unquote, urlsplit

PATIENCE = 15.0  # seconds in which one that is being stopped lets go
BEAT = 2.0  # so often the one that serves says that it lives
# Where locks and shared memory of several machines do not see each other, and SQLite's log loses what was committed.
NETWORKS = frozenset(
    "afs beegfs ceph cifs coda fuse.ceph fuse.glusterfs fuse.s3fs fuse.sshfs gfs2 glusterfs gpfs lustre nfs nfs4 ocfs2 "
    "smb2 smb3 smbfs".split()
)


class Taken(Exception):
    """Another server has the file; the message says which."""


def file_of(environ: Any) -> Path | None:
    """The SQLite file that the settings name; None for another database."""
    url = environ.get("DATABASE_URL") or ""
    if path := environ.get("DATABASE_URL_FILE"):
        url = Path(path).read_text().strip()
    if not url:
        return Path(environ.get("DATA_DIR") or "var").resolve() / "registry.sqlite3"
    return Path(unquote(urlsplit(url).path[1:])) if url.startswith("sqlite:///") else None


def hold(environ: Any) -> None:
    """Keep the SQLite file of these settings for this process and those it forks, as long as one of them lives.

    Raises Taken when another server has it and does not let go, OSError when nothing can be written beside it.
    """
    database = file_of(environ)
    if database is None:
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    file = database.with_name(f"{database.name}.server").open("a+")
    if "GUNICORN_PID" in environ:  # it takes over from one that serves on meanwhile (USR2)
        threading.Thread(target=_wait_for, args=(file,), daemon=True).start()
        return
    _lock(file, database)
    _require_quiet(file, database)
    _sign(file)


def let_go() -> None:
    """Say that nobody has the file any more, so that no other machine has to watch it first."""
    if _held:
        _held[0].truncate(0)


def network_of(path: Path) -> str:
    """The kind of network file system that a path is on; "" for a disk, and where nobody says."""
    place, found = os.path.realpath(path), ("", "")
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:  # another kernel
        return ""
    for line in lines:
        before, _, after = line.partition(" - ")
        mount, kind = before.split()[4], after.split()[0]
        inside = place == mount or place.startswith(f"{mount.rstrip('/')}/")
        if inside and len(mount) >= len(found[0]):
            found = (mount, kind)
    return found[1] if found[1] in NETWORKS else ""


_held: list[TextIO] = []  # closed, it would be let go of


def _lock(file: TextIO, database: Path) -> None:
    last = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > last:
                raise _taken(database, _read(file)) from None
        time.sleep(0.1)


def _require_quiet(file: TextIO, database: Path) -> None:
    # No lock reaches another machine for sure; but what it wrote here does, and that it goes on writing.
    said = _read(file)
    if not said or said.get("machine") == _machine():
        return
    before, last = os.fstat(file.fileno()).st_mtime_ns, time.monotonic() + 3 * BEAT
    while time.monotonic() < last:
        if os.stat(file.name).st_mtime_ns != before:
            raise _taken(database, _read(file))
        time.sleep(0.2)


def _taken(database: Path, said: dict[str, Any]) -> Taken:
    who = f"process {said['process']} on {said['host']}" if said else "another server"
    return Taken(
        f"{who} serves {database} already; two servers would damage an SQLite file. Stop that one, give this one a"
        " DATA_DIR of its own, or let several hosts share a PostgreSQL (DATABASE_URL)"
    )


def _wait_for(file: TextIO) -> None:
    fcntl.flock(file, fcntl.LOCK_EX)
    _sign(file)


def _sign(file: TextIO) -> None:
    file.truncate(0)
    file.write(json.dumps({"machine": _machine(), "host": socket.gethostname(), "process": os.getpid()}))
    file.flush()
    _held.append(file)
    threading.Thread(target=_beat, args=(file,), daemon=True).start()


def _beat(file: TextIO) -> None:
    while True:
        time.sleep(BEAT)
        os.utime(file.fileno())


def _read(file: TextIO) -> dict[str, Any]:
    try:
        return json.loads(Path(file.name).read_text())
    except (OSError, ValueError):
        return {}


def _machine() -> str:
    # Containers of one machine have other names, and the same kernel, whose locks they see.
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname()
