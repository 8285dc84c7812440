"""PostgreSQL is killed, full, out of connections and locked, under load: 503 meanwhile, and soon all is as before."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from registry_site import databases
from tests.faults import harness
from tests.faults.harness import Broken, Host, oracle, publishers
from tests.faults.load import Lost, Told, ask, at_work, pack, path_of, publish
from tests.tools.postgres import Cluster

BACK_SECONDS = 10  # after which people are served again, once the database is
KINDS = ("kill", "quit", "terminate")


@pytest.fixture(scope="module")
def place(mortal, tmp_path_factory):
    with harness.Place("postgres", "folder", tmp_path_factory.mktemp("postgres"), mortal) as made:
        yield made


@pytest.fixture(scope="module")
def host(place):
    with Host(place) as started:
        yield started


def fell(cluster: Cluster, how: str) -> None:
    """Take the database away, or everybody's connection to it."""
    match how:
        case "kill":
            cluster.kill()
        case "quit":
            cluster.stop(signal.SIGQUIT)
        case "terminate":
            with psycopg.connect(cluster.url(), autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
                )


def publishes_again(host: Host, told: Told, name: str, number: str = "2.0.0") -> float:
    """For how many seconds nothing could be published. Raises Broken."""
    sent, began = pack(f"@acme/{name}", number), time.monotonic()
    while time.monotonic() - began < 60:
        with suppress(Lost):
            answer = publish(host.port, host.place.token["alice"], sent, told)
            if answer.status == 201:
                return time.monotonic() - began
            assert answer.status == 503, answer
            assert int(answer.headers["retry-after"]) <= BACK_SECONDS
        time.sleep(0.1)
    raise Broken(f"nothing could be published for a minute:\n{host.log[-2000:]}")


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_it_is_killed_under_load_and_comes_back(mortal, place, host):
    dice, told, times = random.Random(harness.seed()), Told(), harness.cycles(6)
    waits: list[float] = []

    def break_it() -> None:
        for number in range(times):
            time.sleep(dice.uniform(0.3, 1.5))
            how = KINDS[number % len(KINDS)]
            fell(mortal, how)
            if how != "terminate":
                time.sleep(dice.uniform(0, 1.5))
                mortal.start()
            waits.append(publishes_again(host, told, "killed", f"0.{number}.0"))

    at_work(publishers([host], told, 8, readers=2, seed=dice.randrange(10**6)), break_it)
    print(f"{times} times killed, first publish after {max(waits):.1f} s at most: {oracle(host, told)}")
    assert max(waits) < BACK_SECONDS


@pytest.mark.long
def test_after_a_long_while_away_it_is_noticed_at_once(mortal, host):
    """Nobody's pause between two tries may have grown to a minute meanwhile."""
    told = Told()
    assert publish(host.port, host.place.token["alice"], pack("@acme/away", "1.0.0"), told).status == 201
    mortal.kill()
    ends, slowest = time.monotonic() + 25, 0.0
    while time.monotonic() < ends:
        answer = ask(host.port, "GET", path_of("@acme/away"), host.place.token["alice"])
        assert (answer.status, "retry-after" in answer.headers) == (503, True)
        slowest = max(slowest, answer.seconds)
        time.sleep(0.5)
    mortal.start()
    seconds = publishes_again(host, told, "away")
    print(f"away for 25 s: 503 after {slowest:.1f} s at most, first publish {seconds:.1f} s after its return")
    assert seconds < BACK_SECONDS
    oracle(host, told)


def test_without_it_everything_is_503_and_health_says_why(mortal, host):
    told = Told()
    assert publish(host.port, host.place.token["alice"], pack("@acme/gone", "1.0.0"), told).status == 201
    mortal.kill()
    try:
        for method, path, body in (
            ("GET", path_of("@acme/gone"), None),
            ("GET", "@acme/gone/-/gone-1.0.0.tgz", None),
            ("PUT", path_of("@acme/gone"), pack("@acme/gone", "1.0.1").body),
            ("GET", "-/v1/search?text=gone", None),
            ("GET", "/package/@acme/gone", None),
        ):
            answer = ask(host.port, method, path, host.place.token["alice"], body, Accept="text/html")
            assert (answer.status, "retry-after" in answer.headers) == (503, True), f"{method} {path}: {answer}"
        ready = ask(host.port, "GET", "/healthz/ready")
        assert ready.status == 503
        assert ready.said["checks"]["database"] != "ok"
        assert ask(host.port, "GET", "/healthz/live").status == 200
    finally:
        mortal.start()
    publishes_again(host, told, "gone")
    oracle(host, told, whole=False)


@contextmanager
def locked(place: harness.Place):
    """Nobody else gets at the packages' table; each that tries waits, and has a connection."""
    with psycopg.connect(place.cluster.url(place.name)) as connection:
        connection.execute("LOCK TABLE packages_package IN ACCESS EXCLUSIVE MODE")
        yield


def test_a_pool_without_a_free_connection_says_503_within_seconds(place):
    told = Told()
    with Host(place, {"DATABASE_POOL": "3", "WEB_CONCURRENCY": "1"}) as host:
        sent = [pack(f"@acme/pool-{number}", "1.0.0") for number in range(6)]
        for each in sent[:1]:
            assert publish(host.port, place.token["alice"], each, told).status == 201
        found: list = []
        with locked(place):
            waiting = [
                threading.Thread(target=lambda: found.append(_status(host, path_of("@acme/pool-0")))) for _ in range(3)
            ]
            for each in waiting:
                each.start()
            harness.wait_until(lambda: _waiting(place) >= 3)
            answer = ask(host.port, "GET", path_of("@acme/pool-0"), place.token["alice"])
            assert (answer.status, "retry-after" in answer.headers) == (503, True)
            print(f"a pool without a free connection said 503 after {answer.seconds:.1f} s")
            assert answer.seconds < 8 * databases.POOL_SECONDS, "which is as long as it waits, on an idle machine"
            ready = ask(host.port, "GET", "/healthz/ready")
            assert ready.status == 503
            assert "database" in {name for name, said in ready.said["checks"].items() if said != "ok"}
        for each in waiting:
            each.join(60)
        assert found == [200] * 3, "who waited was served"
        assert ask(host.port, "GET", path_of("@acme/pool-0"), place.token["alice"]).status == 200
        oracle(host, told, whole=False)


def _status(host: Host, path: str) -> int:
    return ask(host.port, "GET", path, host.place.token["alice"]).status


def _waiting(place: harness.Place) -> int:
    return place.rows("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")[0][0]


@pytest.mark.long
def test_a_database_without_connections_to_give_is_503_and_recovers(tmp_path):
    told = Told()
    with (
        Cluster("max_connections=12", "superuser_reserved_connections=0") as cluster,
        harness.Place("postgres", "folder", tmp_path, cluster) as place,
        Host(place) as host,
    ):
        assert publish(host.port, place.token["alice"], pack("@acme/most", "1.0.0"), told).status == 201
        fell(cluster, "terminate")
        held = []
        with suppress(psycopg.OperationalError):
            for _ in range(20):
                held.append(psycopg.connect(cluster.url(place.name)))
        statuses = {_status(host, path_of("@acme/most")) for _ in range(5)}
        assert statuses <= {200, 503}
        for each in held:
            each.close()
        assert publishes_again(host, told, "most") < BACK_SECONDS
        oracle(host, told)


@pytest.mark.long
def test_two_that_wait_for_each_other_are_told_503_and_a_repetition_works(place, host):
    """A deadlock, made by hand: PostgreSQL breaks it; whoever it broke off sends the same again."""
    told, token = Told(), place.token["alice"]
    assert publish(host.port, token, pack("@acme/dead", "1.0.0"), told).status == 201
    answers: list = []
    sent = pack("@acme/dead", "1.0.1")
    with psycopg.connect(place.cluster.url(place.name)) as other:
        other.execute("SET deadlock_timeout = '30s'")  # so that the other side is the one that is broken off
        other.execute("LOCK TABLE packages_disttag IN ACCESS EXCLUSIVE MODE")
        thread = threading.Thread(target=lambda: answers.append(publish(host.port, token, sent, told)))
        thread.start()
        harness.wait_until(lambda: _waiting(place) >= 1)
        other.execute("SELECT 1 FROM packages_package WHERE name = '@acme/dead' FOR UPDATE")
        thread.join(60)
        other.rollback()
    assert answers[0].status == 503
    assert harness.settled(host, sent, told, "alice")
    oracle(host, told)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_full_disk_below_it_is_503_and_recovers(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root may make a small disk")
    small = tmp_path / "small"
    small.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", small], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no small disk: {done.stderr.strip()}")
    try:
        for folder in (tmp_path, *tmp_path.parents[:2]):  # `nobody` goes through them
            folder.chmod(0o711)
        (small / "cluster").mkdir()
        with Cluster("max_wal_size=64MB", place=small / "cluster") as cluster:
            _fill(cluster, small, tmp_path)
    finally:
        subprocess.run(["umount", "--lazy", small], check=True)


def _fill(cluster: Cluster, small: Path, elsewhere: Path) -> None:
    told = Told()
    with harness.Place("postgres", "folder", elsewhere / "place", cluster) as place, Host(place) as host:
        token = place.token["alice"]
        assert publish(host.port, token, pack("@acme/full", "1.0.0"), told).status == 201
        free = os.statvfs(small).f_bavail * os.statvfs(small).f_frsize
        with (small / "ballast").open("wb") as ballast, suppress(OSError):
            ballast.write(bytes(2 * free))
        statuses = set()
        for number in range(1, 400):
            with suppress(Lost):
                sent = pack(
                    "@acme/full", f"1.0.{number}", random.Random(number).randbytes(100).hex(), readme="x" * 60_000
                )
                statuses.add(publish(host.port, token, sent, told).status)
            if 503 in statuses:
                break
        assert statuses <= {201, 503}, statuses
        (small / "ballast").unlink()
        with suppress(Exception):  # where it is down for good, its supervisor starts it
            cluster.start()
        host.wait_until_ready()
        for sent in list(told.unsettled.values()):
            assert harness.settled(host, sent, told, "alice")
        print("full disk below PostgreSQL:", sorted(statuses), oracle(host, told))
