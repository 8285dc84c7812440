"""A data folder with tables and static files in it, made once a run and copied by each registry that a test starts."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("registry.sqlite3", "static", "spool", "blobs")  # not the secret and the keys: each registry makes its own


def run() -> int:
    """A number that all workers of one run share, and no other run has."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def folder() -> Path:
    """Where this run keeps it; all workers of one run share it."""
    return Path(tempfile.gettempdir()) / f"test-prepared-{run()}"


def copy_into(data_dir: Path, environ: Mapping[str, str]) -> bool:
    """Lay a new registry's data folder as `manage.py prepare` does; gives whether there is nothing left to prepare.

    environ: of that registry; one with a database of its own, or a folder that is in use, is left as it is.
    """
    if "DATABASE_URL" in environ or any((data_dir / each).exists() for each in COPIED):
        return False
    source = folder()
    source.mkdir(exist_ok=True)
    with (source / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (source / "complete").exists():
            made = {**environ, "DATA_DIR": str(source), "DJANGO_SETTINGS_MODULE": "registry_site.settings"}
            for name in ("STORAGE_URL", "STORAGE_FALLBACK_URL", "TARBALLS_BY"):
                made.pop(name, None)  # its tables would remember another's storage
            subprocess.run(
                [sys.executable, "manage.py", "prepare"], cwd=ROOT, env=made, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, check=True,
            )  # fmt: skip
            (source / "complete").touch()
    for each in COPIED:
        path = source / each
        if path.is_dir():
            shutil.copytree(path, data_dir / each)
        else:
            shutil.copy2(path, data_dir / each)
    return "STORAGE_URL" not in environ


def remove() -> None:
    """Take it away, at the end of a run."""
    shutil.rmtree(folder(), ignore_errors=True)
