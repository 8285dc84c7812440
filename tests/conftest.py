"""The cast that every test knows, and a client that speaks like npm.

alice owns the org acme; frank is its admin; bob is in team core (read-write), erin in team readers (read);
carol left every team. uma holds @uma; hugo was given read-write there, gina read. dave is a stranger.
olga is an operator.
"""

from __future__ import annotations

import gc
import os
import shutil

import pytest
from django.conf import settings
from django.db import connections
from hypothesis import HealthCheck
from hypothesis import settings as examples

from accounts import tokens
from accounts.actor import Actor
from accounts.models import Token
from orgs.models import Role
from registry_site import lines
from tests.tools import cast, object_store, payloads, prepared
from tests.tools.registry_client import RegistryClient
from tests.tools.upstream_stub import UpstreamStub

PASSWORD = cast.PASSWORD
LONG = ("tests/policy/", "test_budget.py", "tests/faults/", "tests/protocol/", "tests/mission/", "tests/browser/")
STATIC = "django.contrib.staticfiles.storage.StaticFilesStorage"

# The same examples each time, however busy the machine is: what no change broke does not fail.
examples.register_profile("steady", deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
examples.load_profile("steady")


def pytest_configure(config) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the tests are not about hashing
    os.fsync = lambda handle: None  # nor about the day on which the power fails; a disk keeps each publish waiting
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": STATIC}}
    database = connections.databases["default"]
    if "sqlite" in database["ENGINE"]:  # in a file, as everywhere; one in memory locks whole tables
        database["TEST"]["NAME"] = str(settings.DATA_DIR / "test.sqlite3")
        database["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"


def pytest_collection_modifyitems(items) -> None:
    # What takes a minute goes first, and what starts servers next: else one worker is left with it at the end.
    items.sort(key=lambda item: next((rank for rank, part in enumerate(LONG) if part in item.nodeid), len(LONG)))


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()  # thousands of tests and all modules: else each large collection of garbage looks through them again
    gc.set_threshold(50_000)


def pytest_unconfigure(config) -> None:
    shutil.rmtree(settings.DATA_DIR, ignore_errors=True)
    if not hasattr(config, "workerinput"):  # the last one that leaves
        prepared.remove()


def person(name: str, **more) -> Actor:
    """A new account, as the actor of a browser session."""
    return Actor(cast.person(name, **more), credential="session")


def login_token(actor: Actor) -> str:
    """What `npm login` would give this person."""
    return tokens.issue(actor, actor.user, kind=Token.Kind.LOGIN)[1]


def _fixture(name: str, **more):
    @pytest.fixture(name=name)
    def make(db) -> Actor:
        return person(name, **more)

    return make


alice, bob, carol, dave, erin, frank, uma, hugo, gina = map(
    _fixture, "alice bob carol dave erin frank uma hugo gina".split()
)
olga = _fixture("olga", superuser=True)


@pytest.fixture
def acme(alice, bob, carol, erin, frank):
    """The org acme with its teams core and readers."""
    members = [(bob, Role.DEVELOPER), (carol, Role.DEVELOPER), (erin, Role.DEVELOPER), (frank, Role.ADMIN)]
    return cast.org(alice, "acme", "Acme Inc", members, [("core", bob), ("readers", erin)])


@pytest.fixture
def publish(settings):
    """Publish a small package as an actor, through the verb: `publish(alice, "@acme/x", "1.0.0", access="public")`."""
    from packages import publishing

    def run(
        actor: Actor, name: str, number: str = "1.0.0", *, access: str | None = None, tag: str = "latest", **manifest
    ):
        settings.SPOOL_DIR.mkdir(parents=True, exist_ok=True)
        return publishing.publish(
            actor, payloads.upload(name, number, settings.SPOOL_DIR, access=access, tag=tag, **manifest)
        )

    return run


@pytest.fixture
def stage(settings):
    """Stage a small package as an actor, through the verb, as `publish` publishes one."""
    from packages import staging

    def run(actor: Actor, name: str, number: str = "1.0.0", **more):
        settings.SPOOL_DIR.mkdir(parents=True, exist_ok=True)
        return staging.stage(actor, payloads.upload(name, number, settings.SPOOL_DIR, **more))

    return run


@pytest.fixture
def npm(client) -> RegistryClient:
    """A registry client without credential; `npm.as_(token)` is one with."""
    return RegistryClient(client)


@pytest.fixture
def blob_files(settings):
    """The names of all stored tarballs, to show that nothing was kept."""
    from packages import blobs

    def names() -> list[str]:
        keys = blobs.store().keys()
        return sorted(key.rpartition("/")[2] for key in keys)

    return names


@pytest.fixture
def upstream(settings):
    """An upstream registry on loopback, which this one mirrors; `upstream.publish("left-pad")` puts something there."""
    with UpstreamStub() as stub:
        settings.UPSTREAM_URL = stub.url
        settings.EGRESS_ALLOWED_NETWORKS = ["127.0.0.0/8"]
        yield stub
    lines.hang_up()


@pytest.fixture
def folder(settings, tmp_path):
    """Tarballs are in a folder, wherever this run keeps those of other tests; for tests that touch its files."""
    settings.STORAGE_URL = (tmp_path / "blobs").as_uri()
    return tmp_path / "blobs"


@pytest.fixture
def bucket(settings, monkeypatch):
    """An object store with the credentials this registry has; the test says with `bucket.address()` that it is used."""
    from packages.blobs import s3

    for name, value in object_store.CREDENTIALS.items():
        setattr(settings, name, value)
    monkeypatch.setattr(s3, "ATTEMPTS", 1)  # what is tried again waits in between
    object_store.shared().heal()
    return object_store.shared()


@pytest.fixture(autouse=True)
def empty_store(settings, tmp_path):
    """Each test has a blob store and a spool of its own, and nothing waits to be written from the last one."""
    from accounts import limiting, standstill
    from packages import blobs
    from packages.packuments import kept
    from registry_site.later import Later

    apart = object_store.part(os.environ.get("STORAGE_URL", ""))
    settings.STORAGE_URL = apart or (tmp_path / "blobs").as_uri()
    settings.DATA_DIR = tmp_path
    settings.SPOOL_DIR = tmp_path / "spool"
    settings.SIGNING_KEYS_DIR = tmp_path / "keys"
    blobs.store.cache_clear()
    kept.clear()
    limiting.forget()
    standstill.forget()
    for waiting in Later.every:
        waiting.clear()
    yield
    blobs.store.cache_clear()
