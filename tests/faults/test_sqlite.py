"""SQLite under load, full, slow, and with files missing; the first three are asked of PostgreSQL, too."""

from __future__ import annotations

import os
import random
import socket
import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from tests.faults import harness
from tests.faults.harness import Host, oracle
from tests.faults.load import Told, ask, pack, path_of, publish, tarball_path

BOTH = [("sqlite", "folder"), pytest.param(("postgres", "folder"), marks=pytest.mark.long)]
CROWD = 100


@pytest.fixture(scope="module", params=BOTH, ids=lambda kind: kind[0])
def host(request, tmp_path_factory):
    database, store = request.param
    running = request.getfixturevalue("cluster") if database == "postgres" else None
    with harness.Place(database, store, tmp_path_factory.mktemp("crowd"), running) as place, Host(place) as started:
        yield started


def crowd(host: Host, sent: list, told: Told) -> list[int]:
    """The statuses that these got, all sent at the same moment."""

    def send(each) -> int:
        who = host.place.token["alice"]
        return ask(host.port, "PUT", path_of(each.name), who, each.body, seconds=120).status

    for each in sent:
        told.sending(each)
    return harness.at_once(*[lambda each=each: send(each) for each in sent])


def test_a_hundred_versions_at_once_are_a_hundred_versions(host):
    """`BEGIN IMMEDIATE`: who waits gets the lock; none fails at once because it read before it wrote."""
    told = Told()
    sent = [pack("@acme/crowd", f"1.0.{number}") for number in range(CROWD)]
    began = time.monotonic()
    assert crowd(host, sent, told) == [201] * CROWD
    print(f"{CROWD} publishes at once on {host.place.database}: {time.monotonic() - began:.1f} s")
    for each in sent:
        told.acknowledge(each)
    oracle(host, told)


def test_of_a_hundred_for_one_number_one_wins(host):
    told = Told()
    sent = [pack("@acme/race", "1.0.0", f"runner {number}") for number in range(CROWD)]
    statuses = crowd(host, sent, Told())
    assert sorted(statuses) == [201] + [403] * (CROWD - 1)
    for each, status in zip(sent, statuses, strict=True):
        told.acknowledge(each) if status == 201 else told.refuse(each)
    oracle(host, told)


def test_a_hundred_times_the_same_is_once(host):
    told, sent = Told(), pack("@acme/same", "1.0.0")
    assert crowd(host, [sent] * CROWD, told) == [201] * CROWD
    told.acknowledge(sent)
    oracle(host, told)


@pytest.mark.long
def test_a_hundred_writers_all_get_their_turn(host):
    """No writer starves: none waits the 20 seconds after which it would be told 503."""
    told, rounds = Told(), 5

    def write(number: int) -> list[float]:
        who, seconds = host.place.token["alice"], []
        for each in range(rounds):
            sent = pack(f"@acme/writer-{number}", f"1.0.{each}")
            answer = publish(host.port, who, sent, told)
            assert answer.status == 201, answer
            seconds.append(answer.seconds)
        return seconds

    with ThreadPoolExecutor(CROWD) as pool:
        waits = sorted(each for found in pool.map(write, range(CROWD)) for each in found)
    half, most = waits[len(waits) // 2], waits[-1 - len(waits) // 100]
    print(f"{CROWD} writers on {host.place.database}: half wait {half:.2f} s, 99 of 100 {most:.2f} s")
    oracle(host, told)


# --- SQLite alone ---------------------------------------------------------------------------------------------------


def test_readers_that_never_end_do_not_keep_the_log_from_being_emptied(place):
    """What is sent was read from the database before its first byte goes out, so nobody holds a snapshot."""
    told, token = Told(), place.token["alice"]
    with Host(place) as host, ExitStack() as held:
        large = pack("@acme/large", "1.0.0", random.Random(1).randbytes(6_000_000).hex())
        assert publish(host.port, token, large, told).status == 201
        lines = []
        for _ in range(6):
            line = held.enter_context(closing(socket.socket()))
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.settimeout(60)
            line.connect(("127.0.0.1", host.port))
            path = f"/npm/{tarball_path(large.name, large.number)}"
            line.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
            assert line.recv(15).startswith(b"HTTP/1.")
            lines.append(line)
        sizes = []
        for number in range(80):
            sent = pack("@acme/meanwhile", f"1.0.{number}", random.Random(number).randbytes(100).hex())
            assert publish(host.port, token, sent, told).status == 201
            sizes.append(place.file.with_name("registry.sqlite3-wal").stat().st_size)
        # Some 30 pages each: had nothing been taken over from the log, it would be twice as long by now.
        assert max(sizes) < 6_000_000, sizes[::10]
        rest = lines[0].makefile("rb").read()
        assert rest.endswith(large.data[-1000:])
        oracle(host, told)


def test_a_full_disk_is_a_503_and_nothing_is_listed(tmp_path):
    """The database has no room for one more page; when it has, the same processes go on."""
    if os.geteuid() != 0:
        pytest.skip("only root may make a small disk")
    small = tmp_path / "small"
    small.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", small], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no small disk: {done.stderr.strip()}")
    try:
        _fill(small, tmp_path)
    finally:
        subprocess.run(["umount", "--lazy", small], check=True)


def _fill(small: Path, elsewhere: Path) -> None:
    told = Told()
    place = harness.Place("sqlite", "folder", elsewhere / "place", file=small / "registry.sqlite3")
    with Host(place) as host:
        token = place.token["alice"]
        assert publish(host.port, token, pack("@acme/full", "1.0.0"), told).status == 201
        free = os.statvfs(small).f_bavail * os.statvfs(small).f_frsize
        with (small / "ballast").open("wb") as ballast, suppress(OSError):
            ballast.write(b"x" * free * 2)
        statuses = set()
        for number in range(1, 40):
            answer = publish(host.port, token, pack("@acme/full", f"1.0.{number}", "x" * 2000), told)
            statuses.add(answer.status)
            if answer.status == 503:
                assert "retry-after" in answer.headers
        assert statuses <= {201, 503}, statuses
        assert 503 in statuses
        assert ask(host.port, "GET", path_of("@acme/full"), token).status == 200, "reading goes on"
        (small / "ballast").unlink()
        for sent in list(told.unsettled.values()):
            assert harness.settled(host, sent, told, "alice")
        assert place.rows("PRAGMA integrity_check") == [("ok",)]
        print("full disk:", oracle(host, told))


def test_a_log_that_was_lost_leaves_a_database_that_is_sound_and_numbers_that_stay_used(place):
    """`-wal` and `-shm` deleted after a crash is what nobody may do; the ledger still knows what was published."""
    told, token = Told(), place.token["alice"]
    with Host(place) as host:
        for number in range(5):
            assert publish(host.port, token, pack("@acme/wal", f"1.0.{number}"), told).status == 201
        host.kill("all")
        for name in ("registry.sqlite3-wal", "registry.sqlite3-shm"):
            place.file.with_name(name).unlink(missing_ok=True)
        host.manage("restore", "--only-secure")  # as docs/backup.md says of whatever else brought a database back
        host.start_again()
        assert place.rows("PRAGMA integrity_check") == [("ok",)]
        assert "Everything" in host.manage("verify", "--all").stdout
        tokens = host.manage("create_token", "alice").stdout.split()[-1]
        for number in range(5):
            sent = told.acknowledged["@acme/wal", f"1.0.{number}"]
            other = pack("@acme/wal", f"1.0.{number}", "other bytes")
            assert ask(host.port, "PUT", path_of(other.name), tokens, other.body).status == 403
            assert ask(host.port, "PUT", path_of(sent.name), tokens, sent.body).status == 201


def test_a_database_that_was_replaced_while_nobody_looked_is_whole_or_refused(place):
    """Half a file in the place of the database: no start, and a sentence."""
    with closing(sqlite3.connect(place.file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = place.file.read_bytes()
    place.file.write_bytes(whole[: len(whole) // 2])
    for name in ("registry.sqlite3-wal", "registry.sqlite3-shm"):
        place.file.with_name(name).unlink(missing_ok=True)
    host = Host(place)
    done = host.manage("prepare", check=False)
    assert done.returncode != 0
    assert "malformed" in done.stderr
    place.file.write_bytes(whole)
    with host:
        host.wait_until_ready()
