"""Backups that are made while people publish, that break off at any moment, and what a restore must not bring back."""

from __future__ import annotations

import json
import time
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from packages import verification
from packages.backup.place import Place as Backups
from packages.models import Version
from tests.faults import harness
from tests.faults.harness import Host, Place, at_work, oracle, publishers
from tests.faults.load import Sent, Told, pack, publish, tarball_path
from tests.tools import object_store
from tests.tools.faulty_store import FaultyStore, answers, cut, done_and_silent, page, shorter, silent, unscripted

KINDS = [("sqlite", "folder"), ("postgres", "s3")]
committed = pytest.mark.django_db(transaction=True)  # a backup copies what was committed


def run(*words: str) -> str:
    told = StringIO()
    call_command(*words, stdout=told, stderr=told)
    return told.getvalue()


@pytest.fixture
def on_sqlite(db):
    if connection.vendor != "sqlite":
        pytest.skip("it is about files; a copy of PostgreSQL makes all tables of SQLite first, which takes its time")


# --- 64: what broke off ---------------------------------------------------------------------------------------------


@pytest.fixture
def away(settings, monkeypatch):
    """A scripted object store for backups; what fails there is not tried again."""
    from packages.blobs import s3

    monkeypatch.setattr(s3, "ATTEMPTS", 1)
    for name, value in object_store.CREDENTIALS.items():
        setattr(settings, name, value)
    with FaultyStore() as running:
        yield running


@committed
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(answers(500), id="500"),
        pytest.param(silent, id="cut", marks=pytest.mark.long),
        pytest.param(done_and_silent, id="lost", marks=pytest.mark.long),
        pytest.param(page(502), id="502", marks=pytest.mark.long),
    ],
)
def test_64_a_backup_that_broke_off_at_any_call_is_none_and_is_gone_on_with(on_sqlite, away, publish, uma, fault):
    for number in ("1.0.0", "2.0.0"):
        publish(uma, "@uma/x", number)
    where = away.address("backups")
    puts = 0
    while True:
        away.next("PUT", *[unscripted] * puts, fault)
        try:
            said = run("backup", where)
        except CommandError:
            puts += 1
            away.heal()
            # Where the last answer alone was lost, it is whole; in every other case it is none.
            for name in Backups(where).names():
                assert "2 tarballs are good" in run("restore", where, "--name", name, "--dry-run")
            assert puts < 30
        else:
            break
    assert puts >= 4, "two tarballs, a database and a manifest at the least"
    assert "2 tarballs" in said
    away.heal()
    assert "2 tarballs are good" in run("restore", where, "--dry-run")


@committed
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(cut(50), id="cut"),
        pytest.param(answers(500), id="500", marks=pytest.mark.long),
        pytest.param(answers(404), id="404", marks=pytest.mark.long),
        pytest.param(shorter, id="shorter", marks=pytest.mark.long),
        pytest.param(page(200), id="page", marks=pytest.mark.long),
    ],
)
def test_64_a_backup_that_cannot_be_read_changes_no_row(on_sqlite, away, publish, uma, fault, monkeypatch):
    from packages.blobs import s3

    monkeypatch.setattr(s3, "RESUMES", 0)
    publish(uma, "@uma/x", "1.0.0")
    where = away.address("backups")
    run("backup", where)
    publish(uma, "@uma/x", "2.0.0")
    reads = 0
    while True:
        away.heal()
        away.next("GET", *[unscripted] * reads, fault)
        try:
            run("restore", where, "--dry-run")
        except CommandError:
            reads += 1
            assert reads < 30
        else:
            break
    assert reads >= 3, "the manifest, the database and a tarball"
    away.heal()
    away.next("GET", unscripted, fault)
    with pytest.raises(CommandError):
        run("restore", where, "--replace")
    assert set(Version.objects.values_list("number", flat=True)) == {"1.0.0", "2.0.0"}
    assert list(verification.look(lambda count: None)) == []


@pytest.mark.long
@pytest.mark.timeout(900)
def test_64_a_backup_that_is_killed_at_any_moment_is_none(place):
    """SIGKILL, later each time; what is listed is whole, and nothing is in the way of the next one."""
    told, backups = Told(), str(place.folder / "backups")
    with Host(place) as host:
        for number in range(12):
            assert harness.settled(host, pack("@acme/x", f"1.{number}.0", "x" * 20_000), told)
        took = time.monotonic()
        host.manage("backup", backups)
        took = time.monotonic() - took
        times = max(6, harness.cycles(6))
        for step in range(times):
            assert harness.settled(host, pack("@acme/x", f"2.{step}.0", "y" * 20_000), told)
            harness.broken_off(host, took * (step + 1) / times, "backup", backups)
            for name in host.manage("backup", backups, "--list").stdout.split():
                assert "are good" in host.manage("restore", backups, "--name", name, "--dry-run").stdout
        assert f"{12 + times} tarballs" in host.manage("backup", backups).stdout
        assert f"{12 + times} tarballs are good" in host.manage("restore", backups, "--dry-run").stdout
        oracle(host, told)


# --- 62: while people publish ---------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_62_each_backup_made_under_load_comes_back_whole_elsewhere(request, kind, place, tmp_path):
    told, backups, ledger = Told(), str(tmp_path / "backups"), (tmp_path / "ledger").as_uri()
    before: dict[str, set[tuple[str, str]]] = {}

    def back_up() -> None:
        for _ in range(harness.cycles(3)):
            acknowledged = set(told.acknowledged)
            said = host.manage("backup", backups, "--keys").stdout
            before[said.split(":")[0].split()[-1]] = acknowledged

    with Host(place, {"LEDGER_URL": ledger}) as host:
        at_work(publishers([host], told, 5, readers=1, seed=harness.seed()), back_up)
        print("under backups:", oracle(host, told))
        listed = host.manage("backup", backups, "--list").stdout.split()
    assert len(listed) == len(before)
    running = request.getfixturevalue("cluster") if kind[0] == "postgres" else None
    with Place(*kind, tmp_path / "elsewhere", running) as other:
        there = Host(other, {"LEDGER_URL": ledger})
        for name, acknowledged in zip(listed, before.values(), strict=True):
            there.manage("restore", backups, "--name", name, "--replace", "--keys")
            assert "Everything" in there.manage("verify", "--all").stdout
            rows = other.rows(
                "SELECT p.name, v.number, v.integrity FROM packages_version v JOIN packages_package p"
                " ON p.id = v.package_id"
            )
            found = {(package, number): integrity for package, number, integrity in rows}
            assert acknowledged <= set(found), "what was acknowledged before it began is in it"
            sent = told.acknowledged | told.unsettled
            assert all(sent[key].integrity == integrity for key, integrity in found.items())
            print(f"{name}: {len(found)} versions, {len(acknowledged)} acknowledged before")


# --- 60, 61, 49: the drill ------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_60_61_a_restore_forgets_no_number_and_brings_nobody_back_in(kind, place, tmp_path):
    """Backed up; then versions come, a token is revoked and a member removed; then all is as of the backup again."""
    told, backups = Told(), str(tmp_path / "backups")
    since = [pack("@acme/kept", "1.1.0"), pack("@acme/since", "1.0.0")]
    with Host(place, {"LEDGER_URL": (tmp_path / "ledger").as_uri()}) as host:
        assert harness.settled(host, pack("@acme/kept", "1.0.0"), told)
        host.manage("backup", backups)
        for each in since:
            assert harness.settled(host, each, Told())
        shell = (
            "from orgs import organizations; from accounts import tokens; from accounts.actor import operator, Actor;"
            "from accounts.models import User; bob = User.objects.get(username='bob');"
            "alice = Actor(User.objects.get(username='alice'), credential='session');"
            "organizations.remove_member(alice, 'acme', 'bob');"
            "[tokens.revoke(operator(), bob, str(each.key)) for each in tokens.live(bob)]"
        )
        host.manage("shell", "-c", shell)
        assert host.ask("GET", "-/whoami", "bob").status == 401
        host.stop()
        told_by_restore = host.manage("restore", backups, "--replace").stdout
        assert "@acme/kept@1.1.0" in told_by_restore
        assert "@acme/since@1.0.0" in told_by_restore
        host.start()
        host.wait_until_ready()
        # 61: nobody is in, bob with the token that was revoked least of all.
        for who in ("alice", "bob", "dave"):
            assert host.ask("GET", "-/whoami", who).status == 401, who
            assert host.ask("PUT", "@acme/kept", who, pack("@acme/kept", "3.0.0").body).status == 401
        place.token |= {who: _new_token(host, who) for who in ("alice", "bob")}
        # 49: what no row names any more is young, and no sweep takes it.
        host.manage("sweep_blobs", "--hours", "1", "--anyway")
        # 60: the numbers are used, in any spelling of other bytes, and take their own.
        for each in since:
            other = pack(each.name, each.number, "other bytes")
            refused = host.ask("PUT", each.name, "alice", other.body)
            assert (refused.status, b"previously published" in refused.body) == (403, True), refused.body
            told.refuse(other)
        for each in since:
            assert publish(host.port, place.token["alice"], each, told).status == 201
            assert _bytes_of(host, each) == each.data
        oracle(host, told)


def _new_token(host: Host, who: str) -> str:
    return host.manage("create_token", who, "--name", "after the restore").stdout.split()[-1]


def _bytes_of(host: Host, sent: Sent) -> bytes:
    return host.ask("GET", tarball_path(sent.name, sent.number), "alice").body


@committed
def test_what_a_backup_is_made_of_is_said_by_its_manifest_alone(on_sqlite, publish, uma, tmp_path):
    """A file more or less beside it changes nothing; a byte in it does."""
    publish(uma, "@uma/x", "1.0.0")
    where = tmp_path / "backups"
    run("backup", str(where))
    (manifest,) = where.glob("backups/*/*/manifest.json")
    (manifest.parent / "junk").write_text("x")
    assert "1 tarballs are good" in run("restore", str(where), "--dry-run")
    said = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(said | {"tarballs": 0}))
    with pytest.raises(CommandError, match="damaged"):
        run("restore", str(where), "--dry-run")
