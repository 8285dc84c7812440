"""What one registry keeps: a database with people in it and a store, made anew for each test."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.tools import object_store, prepared
from tests.tools.postgres import Cluster
from tests.tools.server import KEPT, ROOT, NotStarted

PLACES = [("sqlite", "folder"), ("postgres", "folder"), ("sqlite", "s3"), ("postgres", "s3")]
SECRET = "one that all hosts of a test share, and of some length"
# The org acme, whose developers alice and bob publish, and dave, who is nobody to them.
PEOPLE = """
import json
from accounts import people, tokens
from accounts.actor import Actor, operator
from accounts.models import Token, User
from orgs import organizations
made = {}
for name in ("alice", "bob", "dave"):
    user = people.create(operator(), name, f"{name}@example.com", "correct horse battery")
    made[name] = tokens.issue(operator(), user, kind=Token.Kind.GRANULAR, name="faults", days=300)[1]
alice = User.objects.get(username="alice")
organizations.create(operator(), "acme", "Acme", owner=alice)
organizations.set_member(Actor(alice, credential="session"), "acme", "bob", "developer")
print(json.dumps(made))
"""


class Place:
    """Where one registry keeps all it has: a database with people in it and a store, without packages. For `with`.

    database: `sqlite` or `postgres`, which needs a cluster; store: `folder` or `s3`.
    file: of SQLite, where it is not in the folder.
    environ: the settings that all its hosts share; token: of each person.
    """

    def __init__(
        self, database: str, store: str, folder: Path, cluster: Cluster | None = None, *, file: Path | None = None
    ) -> None:
        self.database, self.store, self.folder = database, store, Path(folder)
        self.cluster = cluster = cluster if database == "postgres" else None
        if cluster is None and database != "sqlite":
            raise ValueError("a place on PostgreSQL needs a cluster")
        self.folder.mkdir(parents=True, exist_ok=True)
        base = _on_sqlite() if cluster is None else _on_postgres(cluster)
        self.token = base.token
        if (base.folder / "keys").exists():
            shutil.copytree(base.folder / "keys", self.folder / "keys", dirs_exist_ok=True)
        self.environ = {
            "SECRET_KEY": SECRET,
            "RATE_LIMITS": "off",
            "UPLOADS_AT_ONCE": "1000",  # limits have tests of their own; these are about what lies below them
            "STORAGE_RESERVE_MB": "0",
            "SIGNING_KEYS_DIR": str(self.folder / "keys"),
            "STATIC_DIR": str(base.folder / "static"),
            "STORAGE_URL": (self.folder / "blobs").as_uri(),
            "DJANGO_SETTINGS_MODULE": "registry_site.settings",
        }
        if store == "s3":
            self.environ |= object_store.CREDENTIALS | {"STORAGE_URL": object_store.shared().address()}
        if cluster is None:
            self.file = file or self.folder / "registry.sqlite3"
            shutil.copy2(base.folder / "registry.sqlite3", self.file)
            self.environ["DATABASE_URL"] = f"sqlite:///{self.file}"
        else:
            self.name = f"faults_{secrets.token_hex(6)}"
            self.run(f"CREATE DATABASE {self.name} TEMPLATE {base.database}", "postgres")
            self.environ["DATABASE_URL"] = cluster.url(self.name)

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *reason: object) -> None:
        if self.cluster is not None:
            with suppress(Exception):  # the cluster may be down, as a test left it, and goes as a whole
                self.run(f"DROP DATABASE {self.name} WITH (FORCE)", "postgres")

    def empty(self) -> None:
        """Put an empty database, without tables, in the place of the one that is there."""
        if self.cluster is None:
            for path in self.file.parent.glob(f"{self.file.name}*"):
                path.unlink()
        else:
            self.run(f"DROP DATABASE {self.name} WITH (FORCE)", "postgres")
            self.run(f"CREATE DATABASE {self.name}", "postgres")

    @property
    def blobs(self) -> Path:
        """The folder of the tarballs, where they are in one."""
        return self.folder / "blobs"

    def rows(self, sql: str) -> list[tuple]:
        """What a query gives, asked of the database itself."""
        if self.cluster is None:
            with closing(sqlite3.connect(self.file, timeout=30)) as connection:
                return connection.execute(sql).fetchall()
        return self.run(sql, self.name)

    def run(self, sql: str, database: str) -> list[tuple]:
        """Run a statement on a database of the cluster; gives its rows."""
        import psycopg

        with psycopg.connect(self.cluster.url(database), autocommit=True) as connection:
            done = connection.execute(sql)
            return done.fetchall() if done.description else []

    def events(self) -> list[tuple[str, str, str]]:
        """All publishes in the audit log: package, number, integrity."""
        found = self.rows("SELECT package, facts FROM accounts_auditevent WHERE action = 'version.published'")
        facts = [(name, json.loads(said) if isinstance(said, str) else said) for name, said in found]
        return [(name, said["version"], said["integrity"]) for name, said in facts]


@dataclass(frozen=True)
class _Base:
    folder: Path
    token: dict[str, str]
    database: str = ""


@cache
def _on_sqlite() -> _Base:
    return _prepared({})


_bases: dict[str, _Base] = {}


def _on_postgres(cluster: Cluster) -> _Base:
    if cluster.url() not in _bases:
        name = f"base_{secrets.token_hex(4)}"
        import psycopg

        with psycopg.connect(cluster.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        _bases[cluster.url()] = _prepared({"DATABASE_URL": cluster.url(name)}, name)
    return _bases[cluster.url()]


def _prepared(environ: dict[str, str], database: str = "") -> _Base:
    folder = Path(tempfile.mkdtemp(prefix="test-faults-"))
    _folders.append(folder)
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    own = {"DATA_DIR": str(folder), "SECRET_KEY": SECRET, "DJANGO_SETTINGS_MODULE": "registry_site.settings"}
    own |= {"STORAGE_URL": (folder / "blobs").as_uri()}
    people = ["shell", "-v", "0", "-c", PEOPLE]
    tables = [] if prepared.copy_into(folder, kept | environ) else [["prepare"]]
    for words in (*tables, people):
        done = subprocess.run(
            [sys.executable, "manage.py", *words], cwd=ROOT, env=kept | own | environ, text=True,
            stdin=subprocess.DEVNULL, capture_output=True,
        )  # fmt: skip
        if done.returncode:
            raise NotStarted(f"{words[0]} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return _Base(folder, json.loads(done.stdout.splitlines()[-1]), database)


_folders: list[Path] = []


def forget() -> None:
    """Remove what was prepared for all tests, at the end of a run."""
    for folder in _folders:
        shutil.rmtree(folder, ignore_errors=True)
