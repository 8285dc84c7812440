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
COPIED = ("registry.sqlite3", "static")
_MAKE = """
import django; django.setup()
from django.core.management import call_command
from packages.management.commands.prepare import _collect_static
call_command("migrate", interactive=False, verbosity=0)
call_command("createcachetable", verbosity=0)
_collect_static()
"""


def folder() -> Path:
    """Where this run keeps it; all workers of one run share it."""
    run = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    return Path(tempfile.gettempdir()) / f"test-prepared-{run}"


def copy_into(data_dir: Path, environ: Mapping[str, str]) -> None:
    """Put tables and static files where a new registry looks for them; `manage.py prepare` then finds them there.

    environ: of that registry; one with a database of its own, or a folder that is in use, is left as it is.
    """
    if "DATABASE_URL" in environ or any((data_dir / each).exists() for each in COPIED):
        return
    source = folder()
    source.mkdir(exist_ok=True)
    with (source / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (source / "complete").exists():
            made = {**environ, "DATA_DIR": str(source), "DJANGO_SETTINGS_MODULE": "registry_site.settings"}
            subprocess.run([sys.executable, "-c", _MAKE], cwd=ROOT, env=made, stdin=subprocess.DEVNULL, check=True)
            (source / "complete").touch()
    for each in COPIED:
        path = source / each
        if path.is_dir():
            shutil.copytree(path, data_dir / each)
        else:
            shutil.copy2(path, data_dir / each)


def remove() -> None:
    """Take it away, at the end of a run."""
    shutil.rmtree(folder(), ignore_errors=True)
