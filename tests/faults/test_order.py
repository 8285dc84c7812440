"""In which order a publish reaches the disk, as the kernel saw it: the cheap stand-in for pulling the plug."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults import harness
from tests.faults.harness import Host
from tests.faults.load import Told, pack, publish

TRACED = "openat,fsync,fdatasync,rename,renameat,renameat2,pwrite64,write,sendto,sendmsg"
_LINE = re.compile(r"^(\d+) +(.*)$")
_CALL = re.compile(r"^(\w+)\((.*)\) += (-?\d+)")


class Call(NamedTuple):
    """A system call that ended."""

    thread: int
    name: str
    args: str
    result: int


@pytest.fixture(scope="module", autouse=True)
def strace():
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed (Debian: apt-get install strace)")


def calls(path: Path) -> list[Call]:
    """What strace wrote, each call at the place where it ended."""
    found, begun = [], {}
    for line in path.read_text(errors="replace").splitlines():
        thread, text = _LINE.match(line).groups()
        if text.endswith("<unfinished ...>"):
            begun[thread] = text.removesuffix("<unfinished ...>")
            continue
        if text.startswith("<... "):
            text = begun.pop(thread, "") + text.partition("resumed>")[2]
        if call := _CALL.match(text):
            found.append(Call(int(thread), call[1], call[2], int(call[3])))
    return found


def traced_publish(place: harness.Place, tmp_path: Path) -> list[Call]:
    """The calls of the thread that published a version, from its first one for it to the answer."""
    log = tmp_path / "strace"
    words = ["strace", "-f", "-y", "-s", "120", "-o", str(log), "-e", f"trace={TRACED}", *Host.command]
    told = Told()
    with Host(place, {"WEB_CONCURRENCY": "1"}, command=words) as host:
        for number in range(3):  # the third one finds everything made
            sent = pack("@acme/ordered", f"1.0.{number}")
            assert publish(host.port, place.token["alice"], sent, told).status == 201
        harness.oracle(host, told)
    found = calls(log)
    answers = [at for at, call in enumerate(found) if call.name == "sendto" and "HTTP/1.1 201" in call.args]
    assert len(answers) == 3
    thread = found[answers[2]].thread
    return [call for call in found[answers[1] + 1 : answers[2] + 1] if call.thread == thread]


def first(found: list[Call], what: str, names: str, inside: str, after: int = -1) -> int:
    """Where the first such call stands, which succeeded. names: of system calls."""
    for at, call in enumerate(found):
        if at > after and call.name in names.split() and inside in call.args and call.result >= 0:
            return at
    raise AssertionError(
        f"no {what} after {after} in\n" + "\n".join(f"{call.name}({call.args[:150]})" for call in found)
    )


SYNC, RENAME = "fsync fdatasync", "rename renameat renameat2"


def blob_first(found: list[Call]) -> int:
    """The bytes are on the disk, then they have their name, then the name is on the disk, then the ledger is."""
    bytes_synced = first(found, "sync of the bytes", SYNC, "/spool/upload-")
    renamed = first(found, "rename", RENAME, "/blobs/", bytes_synced)
    named = first(found, "sync of the folder", SYNC, "/blobs/", renamed)
    noted = first(found, "line of the ledger", "write", "/ledger/", named)
    return first(found, "sync of the ledger", SYNC, "/ledger/", noted)


def test_bytes_then_name_then_row_then_answer(place, tmp_path):
    found = traced_publish(place, tmp_path)
    noted = blob_first(found)
    rows = [at for at, call in enumerate(found) if call.name == "pwrite64" and "registry.sqlite3-wal" in call.args]
    assert rows, "the rows go into SQLite's log"
    assert rows[0] > noted, "no row before the bytes and the ledger are safe"
    committed = first(found, "sync of SQLite's log", SYNC, "registry.sqlite3-wal", rows[0])
    answered = first(found, "answer", "sendto", "HTTP/1.1 201", committed)
    assert answered == len(found) - 1
    assert not [at for at in rows if committed < at < answered and not _is_synced(found, at, answered)]


def _is_synced(found: list[Call], at: int, before: int) -> bool:
    return any(call.name in SYNC and "-wal" in call.args for call in found[at:before])


@pytest.mark.long
def test_with_postgresql_the_bytes_are_safe_before_it_is_told_to_commit(request, tmp_path):
    with harness.Place("postgres", "folder", tmp_path / "place", request.getfixturevalue("cluster")) as place:
        found = traced_publish(place, tmp_path)
    noted = blob_first(found)
    first(found, "answer", "sendto", "HTTP/1.1 201", first(found, "commit", "sendto", "COMMIT", noted))
    assert not [at for at, call in enumerate(found[:noted]) if call.name == "sendto" and "INSERT" in call.args]


def test_sqlite_is_told_to_wait_for_the_disk_and_does(place):
    """Read back, because an option in the wrong place is silently ignored."""
    asked = (
        "from django.db import connection; q = connection.cursor(); "
        "names = ('journal_mode', 'synchronous', 'foreign_keys'); "
        "print(*[q.execute(f'PRAGMA {each}').fetchone()[0] for each in names])"
    )
    said = Host(place).manage("shell", "-v", "0", "-c", asked).stdout.split()
    assert said == ["wal", "2", "1"]  # 2 is FULL
