"""Where the registries that tests start keep what they have, in a run that was given a PostgreSQL and an object store.

`make test-deployed` is such a run: it has DATABASE_URL and STORAGE_URL, and every registry gets a database and a part
of the store of its own.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tests.tools import object_store, prepared

SAID = {"DATABASE_URL", "STORAGE_URL", "TARBALLS_BY"}
REMEMBERED = "test-places.json"  # for who starts a registry again on the same folder


def places(data_dir: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The settings that say where the registry of this folder keeps database and tarballs.

    environ: what the test has set. {} when that says where, or who sends the bytes of a folder, and in a run on SQLite
    and folders.
    """
    server, store = os.environ.get("DATABASE_URL", ""), object_store.part(os.environ.get("STORAGE_URL", ""))
    if not store or not server.startswith("postgres") or SAID & environ.keys():
        return {}
    remembered = data_dir / REMEMBERED
    if not remembered.exists():
        own = {"DATABASE_URL": _database(server), "STORAGE_URL": store} | object_store.CREDENTIALS
        remembered.write_text(json.dumps(own))
    return json.loads(remembered.read_text())


def _database(server: str) -> str:
    """The address of a new database that has all tables, copied from one that was made once a run."""
    import psycopg

    name, template = f"registry_{secrets.token_hex(6)}", f"prepared_{prepared.run()}"
    prepared.folder().mkdir(exist_ok=True)
    with (prepared.folder() / "database-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # nobody may be connected to what is copied
        with psycopg.connect(server, autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [template]).fetchone():
                connection.execute(f"CREATE DATABASE {template}_unready")
                _make_tables(_named(server, f"{template}_unready"))
                connection.execute(f"ALTER DATABASE {template}_unready RENAME TO {template}")
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return _named(server, name)


def _make_tables(database: str) -> None:
    with tempfile.TemporaryDirectory(prefix="test-prepared-") as folder:
        environ = os.environ | {
            "DATABASE_URL": database,
            "DATA_DIR": folder,
            "STORAGE_URL": Path(folder, "blobs").as_uri(),
        }
        for word in ("migrate", "createcachetable"):
            words = [sys.executable, "manage.py", word, "-v", "0"]
            subprocess.run(words, cwd=prepared.ROOT, env=environ, stdin=subprocess.DEVNULL, check=True)


def _named(server: str, database: str) -> str:
    return urlsplit(server)._replace(path=f"/{database}").geturl()
