"""A registry on SQLite and a folder moves to PostgreSQL and an object store, and its people notice nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.live import fetch, send
from tests.tools import object_store, payloads, postgres
from tests.tools.server import ROOT, Registry
from tests.tools.visitor import sign_up

pytestmark = [pytest.mark.protocol, pytest.mark.postgres]
PATH = "@alice%2fmoved"


def published(alice, version: str) -> None:
    send(alice, "PUT", PATH, payloads.publish_body("@alice/moved", version))


def versions(alice) -> list[str]:
    """Those that are listed, each of which can be downloaded."""
    listed = list(json.loads(fetch(alice.registry, PATH, alice.token)[1])["versions"])
    for version in listed:
        assert fetch(alice.registry, f"{PATH}/-/moved-{version}.tgz", alice.token)[0] == 200
    return listed


def restarted(registry: Registry, **settings: str) -> None:
    registry.environ |= settings
    registry.start()


def migrate_database(registry: Registry, url: str) -> None:
    command = [sys.executable, "manage.py", "migrate_database", "--to", url]  # not `manage`: all tables take their time
    done = subprocess.run(command, cwd=ROOT, env=registry.environ, capture_output=True, text=True)
    assert "are there, and the same" in done.stdout, done.stderr


@pytest.mark.timeout(900)  # it makes all tables twice, and starts three times
def test_a_registry_moves_with_all_it_has_and_back(tmp_path):
    data_dir = tmp_path / "data"
    settings = {"RATE_LIMITS": "off", "STORAGE_URL": (data_dir / "blobs").as_uri()}
    with postgres.server() as database, Registry(settings, data_dir) as registry:
        alice = sign_up(registry, "alice", tmp_path / "alice")
        published(alice, "1.0.0")
        registry.stop()
        migrate_database(registry, database)

        old, new = (registry.data_dir / "blobs").as_uri(), object_store.shared().address()
        moving = object_store.CREDENTIALS | {"STORAGE_URL": new, "STORAGE_FALLBACK_URL": old}
        restarted(registry, DATABASE_URL=database, **moving)
        assert versions(alice) == ["1.0.0"]
        published(alice, "1.1.0")
        assert "1 tarballs copied" in registry.manage("migrate_storage").stdout
        assert b"@alice/moved" in fetch(registry, "-/v1/search?text=moved", alice.token)[1]

        registry.stop()
        back = f"sqlite:///{tmp_path / 'back.sqlite3'}"
        migrate_database(registry, back)
        restarted(registry, DATABASE_URL=back, STORAGE_FALLBACK_URL="")
        published(alice, "1.2.0")
        assert versions(alice) == ["1.0.0", "1.1.0", "1.2.0"]
        assert b"@alice/moved" in fetch(registry, "-/v1/search?text=moved", alice.token)[1]
