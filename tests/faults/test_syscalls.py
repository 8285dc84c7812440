"""The system refuses what a publish asks of it: fsync, rename, write. What is not safe on the disk is not listed.

`strace` makes the n-th call of a thread fail, in the real server; each test begins to count anew.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from tests.faults import harness
from tests.faults.harness import Host, oracle
from tests.faults.load import Sent, Told, pack, tarball_path

RENAMES = "?rename,?renameat,?renameat2"
# What fails, as strace says it, and what the publish is answered with. The first fsync of a publish is of the bytes,
# then of the three folders above them, then of the ledger; SQLite's own is fdatasync.
FAULTS = {
    "the bytes are not on the disk": ("fsync:error=EIO:when=1", 503),
    "the disk is full when they should be": ("fsync:error=ENOSPC:when=1", 503),
    "their name is not on the disk": ("fsync:error=EIO:when=2", 503),
    "nor the folder's above": ("fsync:error=EIO:when=3", 503),
    "nor that of all": ("fsync:error=EIO:when=4", 503),
    "the ledger is not on the disk": ("fsync:error=EIO:when=5", 503),
    "no fsync works": ("fsync:error=EIO", 503),
    "they get no name": (f"{RENAMES}:error=EIO", 503),
    "they get one by copying": (f"{RENAMES}:error=EXDEV:when=1", 201),
    "the commit is not on the disk": ("fdatasync:error=EIO:when=1", 503),
}
QUICK = ("the bytes are not on the disk",)


@cache
def can_trace() -> str:
    """Why strace cannot be used here; "" when it can."""
    try:
        done = subprocess.run(
            ["strace", "-f", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=1", "true"], capture_output=True
        )
    except OSError:
        return "strace is not installed"
    return "" if done.returncode == 0 else f"strace may not trace here: {done.stderr[-200:].decode(errors='replace')}"


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """One process that serves, so that the one that is traced gets the request."""
    if reason := can_trace():
        pytest.skip(reason)
    with (
        harness.Place("sqlite", "folder", tmp_path_factory.mktemp("syscalls")) as place,
        Host(place, {"WEB_CONCURRENCY": "1"}) as started,
    ):
        assert harness.settled(started, pack("@acme/first", "1.0.0"), Told())  # folders and files that it makes once
        yield started


@contextmanager
def failing(host: Host, rule: str, *paths: Path) -> Iterator[Path]:
    """From now on calls of the process that serves fail by this rule; gives the file where strace tells of them."""
    (worker,) = host.workers()
    told = host.data_dir / f"strace-{time.monotonic_ns()}"
    only = [word for path in paths for word in ("-P", str(path))]
    calls = rule.partition(":")[0]
    words = ["strace", "-f", "-o", str(told), "-e", f"trace={calls}", "-e", f"inject={rule}", *only, "-p", str(worker)]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stderr:
            if "attached" in line:
                break
        else:
            pytest.fail(f"strace did not attach: {process.poll()}")
        yield told
    finally:
        process.send_signal(signal.SIGINT)  # it lets go of the process
        process.stderr.close()
        process.wait(20)


def publish(host: Host, sent: Sent, told: Told) -> int:
    told.sending(sent)
    answer = host.ask("PUT", sent.name, "bob", sent.body, Content_Type="application/json")
    if answer.status == 503:
        assert answer.headers["retry-after"]
    elif answer.status == 201:
        told.acknowledge(sent)
    return answer.status


def is_listed(host: Host, sent: Sent) -> bool:
    answer = harness.patiently(host, sent.name)
    return answer.status == 200 and sent.number in answer.said["versions"]


@pytest.mark.parametrize(
    ("rule", "status"),
    [pytest.param(*each, id=name, marks=[] if name in QUICK else pytest.mark.long) for name, each in FAULTS.items()],
)
def test_36_37_what_is_not_safe_on_the_disk_is_a_503_and_not_listed(host, rule, status, request):
    told, name = Told(), f"@acme/sys-{list(FAULTS.values()).index((rule, status))}"
    sent = pack(name, "1.0.0")
    with failing(host, rule) as trace:
        found = publish(host, sent, told)
    assert "INJECTED" in trace.read_text(), "nothing failed: the rule is not about what a publish does"
    assert found == status
    if not rule.startswith("fdatasync"):  # whether a commit is there that nobody could sync, nobody knows
        assert is_listed(host, sent) == (status == 201)
    assert not list((host.data_dir / "spool").glob("*.tgz"))
    assert harness.settled(host, sent, told)
    print(rule, oracle(host, told, whole=False))


@pytest.mark.parametrize("call", ["openat", "read"])
def test_40_a_tarball_that_the_disk_does_not_give_is_a_503_before_the_body(host, call):
    told = Told()
    sent = pack(f"@acme/sys-{call}", "1.0.0")
    assert harness.settled(host, sent, told)
    ((key,),) = host.place.rows(
        "SELECT blob FROM packages_version WHERE package_id = (SELECT id FROM packages_package"  # noqa: S608
        f" WHERE name = '{sent.name}')"
    )
    path = tarball_path(sent.name, sent.number)
    with failing(host, f"{call}:error=EIO", Path(os.path.realpath(host.place.blobs)) / key):
        answer = host.ask("GET", path, "alice")
    assert answer.status == 503, answer.body[:100]
    assert answer.headers["retry-after"]
    again = host.ask("GET", path, "alice")
    assert (again.status, again.body == sent.data) == (200, True)


@pytest.mark.long
def test_all_that_failed_left_nothing_wrong(host):
    """After all of the above in one process: `verify` reads everything."""
    assert "Everything" in host.manage("verify", "--all").stdout
