"""Processes are killed, stopped and starved while people publish and install: nothing acknowledged is lost."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import sys
import threading
import time
from contextlib import ExitStack, closing
from functools import partial

import pytest

from tests.faults import harness
from tests.faults.harness import Broken, Host, oracle, publishers
from tests.faults.load import Told, ask, at_work, pack, path_of, publish
from tests.tools.server import DIRECT

KILLS = ("worker", "worker", "workers", "all", "master")


def torture(host: Host, told: Told, dice: random.Random, times: int, *, people: int, readers: int, order="") -> None:
    """Kill something at a random moment, again and again, while people are at work."""

    def kill() -> None:
        for _ in range(times):
            time.sleep(dice.uniform(0.1, 0.9))
            what = dice.choice(KILLS)
            host.kill(what, dice)
            if what in ("all", "master"):
                host.start_again()

    workforce = publishers([host], told, people, readers=readers, seed=dice.randrange(10**6), order=order)
    at_work(workforce, kill)
    host.wait_until_ready()


def report(what: str, host: Host, told: Told, verdict) -> None:
    """The line that docs/reliability.md repeats."""
    kind = f"{host.place.database}, {host.place.store}"
    print(f"{what} on {kind}: {verdict}; cut off {told.lost}, 503 {told.unavailable}, reads {told.downloads}")


def test_what_was_acknowledged_outlives_every_process(place):
    dice, told = random.Random(harness.seed()), Told()
    with Host(place) as host:
        for what in ("worker", "workers", "all"):
            people = publishers([host], told, 3, readers=1, limit=8, seed=dice.randrange(10**6))
            at_work(people, partial(_kill_amid, host, told, people[:3], what, dice))
        report("3 kills", host, told, oracle(host, told))


def _kill_amid(host: Host, told: Told, people: list, what: str, dice: random.Random) -> None:
    before = len(told.acknowledged)
    harness.wait_until(lambda: len(told.acknowledged) - before >= 5)
    host.kill(what, dice)
    if what == "all":
        host.start_again()
    for each in people:
        each.join(60)


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", harness.PLACES, ids=lambda kind: "-".join(kind))
def test_torture(place, kind):
    dice, told, times = random.Random(harness.seed()), Told(), harness.cycles(10)
    with Host(place) as host:
        torture(host, told, dice, times, people=8, readers=2)
        report(f"{times} kills", host, told, oracle(host, told))


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_torture_would_notice_rows_before_bytes(place):
    """The self-test of the torture: with the wrong order it ends with broken versions."""
    dice, told = random.Random(harness.seed()), Told()
    with Host(place, faulty=True) as host:
        with pytest.raises(Broken, match="is listed and does not install|not in the storage"):
            _until_broken(host, told, dice)
        assert len(told.acknowledged) > 10


def _until_broken(host: Host, told: Told, dice: random.Random) -> None:
    for _ in range(10):
        torture(host, told, dice, 5, people=8, readers=0, order="rows first")
        oracle(host, told)


def test_a_server_that_is_stopped_finishes_what_it_began(place):
    """SIGTERM while a publish is half sent: the rest of it is read, and it is acknowledged."""
    told = Told()
    sent = pack("@acme/slow", "1.0.0", "x" * 50_000)
    with Host(place) as host:
        line = http.client.HTTPConnection("127.0.0.1", host.port, timeout=60)
        line.putrequest("PUT", f"/npm/{path_of(sent.name)}")
        for name, value in {
            "Authorization": f"Bearer {place.token['alice']}",
            "Content-Type": "application/json",
            "Content-Length": str(len(sent.body)),
        }.items():
            line.putheader(name, value)
        line.endheaders()
        line.send(sent.body[:1000])
        harness.wait_until(lambda: list((host.data_dir / "spool").iterdir()))  # it is being read
        os.kill(host.pid, signal.SIGTERM)
        time.sleep(0.2)
        line.send(sent.body[1000:])
        with closing(line):
            assert line.getresponse().status == 201
        told.acknowledge(sent)
        assert host.ended() == 0
        host.start_again()
        oracle(host, told)
        assert not list((host.data_dir / "spool").iterdir()), "nothing half is left"


def test_it_says_that_it_stops_before_it_stops(place):
    """Readiness goes red first, and what still comes meanwhile is served: a proxy has the time to look elsewhere."""
    with Host(place, {"DRAIN_SECONDS": "600"}) as host:
        os.kill(host.pid, signal.SIGTERM)
        ready = harness.wait_until(lambda: (found := ask(host.port, "GET", "/healthz/ready")).status == 503 and found)
        assert ready.said["checks"]["serving"] == "about to stop"
        told = Told()
        assert publish(host.port, place.token["alice"], pack("@acme/late", "1.0.0"), told).status == 201
        os.kill(host.pid, signal.SIGTERM)  # the second one ends it at once
        assert host.ended() == 0
        host.start_again()
        oracle(host, told, whole=False)


@pytest.mark.long
def test_slow_uploads_outlive_the_time_out_of_a_worker(place):
    """Threads read bodies: gunicorn's time-out is for a process that hangs, not for a client with a thin line."""
    told = Told()
    with Host(place, command=[sys.executable, "-m", "gunicorn", "--timeout", "2"]) as host:
        sent = pack("@acme/thin", "1.0.0", "x" * 60_000)
        with closing(socket.create_connection(("127.0.0.1", host.port), 60)) as line:
            head = (
                f"PUT /npm/{path_of(sent.name)} HTTP/1.1\r\nHost: 127.0.0.1:{host.port}\r\nConnection: close\r\n"
                f"Authorization: Bearer {place.token['alice']}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(sent.body)}\r\n\r\n"
            )
            line.sendall(head.encode())
            pieces = 20
            for each in range(pieces):
                size = -(-len(sent.body) // pieces)
                line.sendall(sent.body[each * size : (each + 1) * size])
                time.sleep(0.3)
            assert line.makefile("rb").readline().startswith(b"HTTP/1.1 201")
        told.acknowledge(sent)
        oracle(host, told)


@pytest.mark.long
def test_a_server_short_of_files_says_so_and_recovers(place):
    """64 open files for each process, and 200 clients that hold a connection: no harm is left when they go."""
    told = Told()
    with Host(place, command=["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", *Host.command]) as host:
        first = pack("@acme/few", "1.0.0")
        assert publish(host.port, place.token["alice"], first, told).status == 201
        with ExitStack() as held:
            for _ in range(200):
                held.enter_context(closing(socket.create_connection(("127.0.0.1", host.port), 5)))
            answers = []
            for number in range(1, 6):
                try:
                    answers.append(
                        publish(host.port, place.token["alice"], pack("@acme/few", f"1.0.{number}"), told).status
                    )
                except OSError:
                    answers.append(0)
            assert set(answers) <= {0, 201, 503}, answers
        for sent in list(told.unsettled.values()):
            assert harness.settled(host, sent, told, "alice")
        print("with 64 files:", answers, oracle(host, told))


def test_of_a_server_that_is_killed_no_process_stays(place):
    """Not the workers, and not the background worker beside it, which nobody would stop any more."""
    with Host(place, {"WORKER": "beside"}) as host:
        harness.wait_until(lambda: len(host.family()) >= 4)  # the first one, two that serve, one that works
        family = host.family()
        host.kill("master")
        harness.wait_until(lambda: not [pid for pid in family if harness.is_alive(pid)], 120)


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgres", marks=pytest.mark.long)])
def test_making_the_tables_broken_off_is_gone_on_with(request, tmp_path, database):
    """`prepare` is killed at several moments, run twice at once, and run again: the tables are there, once."""
    running = request.getfixturevalue("cluster") if database == "postgres" else None
    with harness.Place(database, "folder", tmp_path, running) as place:
        place.empty()
        host = Host(place)
        for seconds in [1.5, 2.5] if harness.cycles(1) == 1 else [each / 4 for each in range(2, 30)]:
            harness.broken_off(host, seconds, "prepare")
        done = harness.at_once(*[lambda: host.manage("prepare", check=False)] * 2)
        assert [each.returncode for each in done] == [0, 0], [each.stderr for each in done]
        with host:
            host.wait_until_ready()
            assert host.manage("migrate", "--check", check=False).returncode == 0
            assert DIRECT.open(f"{host.url}/healthz/ready", timeout=10).status == 200


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_long_day(request, tmp_path):
    """Everything at once: two hosts on PostgreSQL and an object store, the background worker, sweeping."""
    dice, told, times = random.Random(harness.seed()), Told(), harness.cycles(10)
    running = request.getfixturevalue("mortal")
    with (
        harness.Place("postgres", "s3", tmp_path, running) as place,
        Host(place, {"WORKER": "beside"}) as one,
        Host(place) as two,
    ):
        done = threading.Event()

        def sweep() -> None:
            while not done.wait(3):
                one.manage("sweep_blobs", check=False)

        sweeping = threading.Thread(target=sweep, daemon=True)
        sweeping.start()

        def break_things() -> None:
            for _ in range(times):
                time.sleep(dice.uniform(0.3, 1.5))
                match dice.randrange(4):
                    case 0 | 1:
                        dice.choice((one, two)).kill("worker", dice)
                    case 2:
                        host = dice.choice((one, two))
                        host.kill("all")
                        host.start_again()
                    case 3:
                        running.kill()
                        time.sleep(dice.uniform(0, 1))
                        running.start()

        try:
            at_work(publishers([one, two], told, 6, readers=2, seed=dice.randrange(10**6)), break_things)
        finally:
            done.set()
            sweeping.join(120)
        for host in (one, two):
            host.wait_until_ready()
        report(f"{times} faults, two hosts", one, told, oracle(two, told))
        said = json.loads(ask(one.port, "GET", "/healthz/ready").body)
        assert said["ready"]
