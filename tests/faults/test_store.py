"""An object store, and the line to it, do what they should not: publishing is a 503 and lists nothing, a listed version
is never a 404, and half a tarball is taken for a whole one by nobody."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client

from accounts.models import AuditEvent
from packages import blobs, ledger, verification
from packages.blobs import s3
from packages.models import Version
from packages.sweeping import unnamed
from registry_site.errors import Unavailable
from tests.conftest import login_token
from tests.faults import harness
from tests.faults.harness import Host, at_work, oracle, publishers
from tests.faults.load import Lost, Told, ask, pack, tarball_path
from tests.tools import object_store, payloads
from tests.tools.faulty_line import Line
from tests.tools.faulty_store import (
    FaultyStore,
    answers,
    bare,
    cut,
    done_and_silent,
    done_but,
    held,
    other_bytes,
    page,
    shorter,
    silent,
    unscripted,
)
from tests.tools.registry_client import RegistryClient

NAME, TARBALL = "@uma/x", "@uma/x/-/x-1.0.0.tgz"
NOISE = {"noise.txt": random.Random(1).randbytes(400_000).hex()}  # a tarball that is sent piece by piece


@pytest.fixture
def store(settings, monkeypatch, tmp_path):
    """The scripted store, which is in use; what fails there is not tried again. The ledger is elsewhere."""
    monkeypatch.setattr(s3, "ATTEMPTS", 1)
    monkeypatch.setattr(s3, "READ_SECONDS", 5)
    for name, value in object_store.CREDENTIALS.items():
        setattr(settings, name, value)
    with FaultyStore() as running:
        settings.STORAGE_URL = running.address("here")
        settings.LEDGER_URL = (tmp_path / "ledger").as_uri()
        blobs.store.cache_clear()
        yield running
    blobs.store.cache_clear()


@pytest.fixture
def hers(npm, uma) -> RegistryClient:
    return npm.as_(login_token(uma))


def sent(number: str = "1.0.0", **more) -> dict:
    return payloads.publish_body(NAME, number, access="public", **more)


def nothing_is_there(settings) -> bool:
    spooled = list(settings.SPOOL_DIR.glob("*.tgz")) if settings.SPOOL_DIR.exists() else []
    return not (Version.objects.exists() or AuditEvent.objects.filter(action="version.published").exists() or spooled)


def is_our_fault(answer) -> bool:
    return answer.status_code == 503 and bool(answer["Retry-After"]) and answer.json()["code"] == "unavailable"


def all_is_well() -> bool:
    return list(verification.look(lambda count: None)) == []


# --- 41, 42, 46: what is put ----------------------------------------------------------------------------------------

REFUSED = {
    "an error": answers(500),
    "too many requests": answers(503, "SlowDown"),
    "a clock that is off": answers(403, "RequestTimeTooSkewed"),
    "credentials that ended": answers(400, "ExpiredToken"),
    "credentials that changed": answers(403, "InvalidAccessKeyId"),
    "no bucket": answers(404, "NoSuchBucket"),
    "a quota": answers(507, "QuotaExceeded"),
    "a page of a proxy": page(502),
    "a broken connection": silent,
}


@pytest.mark.parametrize("fault", REFUSED.values(), ids=REFUSED)
def test_41_46_what_the_store_does_not_take_is_not_listed_and_comes_again(store, hers, settings, fault):
    store.next("PUT", fault)
    assert is_our_fault(hers.put(NAME, sent()))
    assert nothing_is_there(settings)
    assert store.blobs == []
    assert hers.put(NAME, sent()).status_code == 201
    assert all_is_well()


UNSEEN = {
    "not there": answers(404),
    "refused": answers(403),
    "half of it": shorter,
    "no length": bare(200),
    "a broken connection": silent,
}


@pytest.mark.parametrize("fault", UNSEEN.values(), ids=UNSEEN)
def test_41_what_the_store_took_and_does_not_show_is_not_listed(store, hers, settings, fault):
    store.next("HEAD", fault)
    assert is_our_fault(hers.put(NAME, sent()))
    assert nothing_is_there(settings)
    assert hers.put(NAME, sent()).status_code == 201
    assert all_is_well()


@pytest.mark.parametrize("fault", [done_but(500), done_and_silent], ids=["an error", "silence"])
def test_42_a_put_that_was_done_and_not_answered_is_an_orphan_and_the_next_has_a_key_of_its_own(store, hers, fault):
    store.next("PUT", fault)
    assert is_our_fault(hers.put(NAME, sent()))
    (orphan,) = store.blobs
    assert hers.put(NAME, sent()).status_code == 201
    named = f"here/{Version.objects.get().blob}"
    assert named != orphan
    assert set(store.blobs) == {named, orphan}
    assert {f"here/{key}" for key in unnamed(older_than=-60)} == {orphan}
    assert all_is_well()


def test_41_what_fails_once_is_tried_again_before_anybody_hears_of_it(store, hers, monkeypatch):
    monkeypatch.setattr(s3, "ATTEMPTS", 2)
    store.next("PUT", done_and_silent)
    assert hers.put(NAME, sent()).status_code == 201
    assert len(store.blobs) == 1, "the same key again"


def test_45_an_upload_in_parts_that_breaks_off_leaves_nothing(store, hers, settings, monkeypatch):
    monkeypatch.setattr(s3, "PART", 5 * 2**20)
    large = {"noise.txt": random.Random(2).randbytes(5 * 2**20).hex()}
    for faults in ((answers(500),), (unscripted, silent)):
        store.next("PUT", *faults)
        assert is_our_fault(hers.put(NAME, sent(files=large)))
        assert (nothing_is_there(settings), store.blobs, store.uploads) == (True, [], {})
    store.next("POST", unscripted, answers(500))  # begun, and not put together
    store.next("DELETE", silent)  # nor taken away
    assert is_our_fault(hers.put(NAME, sent(files=large)))
    assert len(store.uploads) == 1
    assert len(list(blobs.store().halves(time.time() + 60))) == 1
    assert hers.put(NAME, sent(files=large)).status_code == 201
    assert all_is_well()


def test_the_ledger_in_a_store_that_refuses_it_keeps_the_version_from_being_listed(store, hers, settings):
    settings.LEDGER_URL = ""  # a folder of the storage
    store.next("PUT", unscripted, answers(500))
    assert is_our_fault(hers.put(NAME, sent()))
    assert nothing_is_there(settings)
    assert store.blobs == [], "its bytes went again"
    store.next("PUT", unscripted, answers(500))
    store.next("DELETE", answers(500))
    assert is_our_fault(hers.put(NAME, sent()))
    assert len(store.blobs) == 1, "or wait for sweeping"
    assert hers.put(NAME, sent()).status_code == 201
    assert [entry.number for entry in ledger.entries()] == ["1.0.0"]
    assert all_is_well()


# --- 40, 44: what is read -------------------------------------------------------------------------------------------

UNREAD = {
    "not there": answers(404),
    "no bucket": answers(404, "NoSuchBucket"),
    "refused": answers(403),
    "an error": answers(500),
    "too many requests": answers(503, "SlowDown"),
    "a page of a proxy": page(200),
    "a page of an error": page(502),
    "half of it": shorter,
    "no length": bare(200),
    "a broken connection": silent,
}


@pytest.mark.parametrize("files", [None, NOISE], ids=["small", "large"])
@pytest.mark.parametrize("fault", UNREAD.values(), ids=UNREAD)
def test_44_a_listed_version_is_a_503_before_the_body_never_a_404(store, hers, npm, fault, files):
    assert hers.put(NAME, sent(files=files)).status_code == 201
    for method in ("GET", "HEAD"):
        store.next("GET", fault)
        answer = npm.get(TARBALL) if method == "GET" else npm.head(TARBALL)
        assert answer.status_code == 503
        assert answer["Retry-After"]
    assert npm.get(NAME).status_code == 200, "what needs no tarball goes on"
    assert npm.get(TARBALL).getvalue() == payloads.tarball({"name": NAME, "version": "1.0.0"}, files)


@pytest.mark.parametrize("files", [None, NOISE], ids=["small", "large"])
def test_44_a_body_that_breaks_off_goes_on_where_it_was(store, hers, npm, files):
    assert hers.put(NAME, sent(files=files)).status_code == 201
    store.next("GET", cut(70), cut(5), silent, unscripted)
    store.asked.clear()
    answer = npm.get(TARBALL)
    if files is None:
        assert is_our_fault(answer), "where the rest cannot be asked for either"
        store.heal()
        store.next("GET", cut(70), cut(5))
        answer = npm.get(TARBALL)
        assert answer.getvalue() == payloads.tarball({"name": NAME, "version": "1.0.0"})
        assert sum(line.startswith("GET") for line in store.asked) == 3
    else:
        with pytest.raises(OSError):
            answer.getvalue()
        store.heal()
        store.next("GET", cut(300_000), cut(1), cut(70_000))
        assert npm.get(TARBALL).getvalue() == payloads.tarball({"name": NAME, "version": "1.0.0"}, files)


@pytest.mark.parametrize("files", [None, NOISE], ids=["small", "large"])
def test_44_a_store_that_knows_no_parts_never_makes_other_bytes_of_them(store, hers, npm, files):
    assert hers.put(NAME, sent(files=files)).status_code == 201
    whole = payloads.tarball({"name": NAME, "version": "1.0.0"}, files)
    store.ranges = False
    store.next("GET", cut(100))
    answer = npm.get(TARBALL)
    if files is None:
        assert is_our_fault(answer)
        return
    arrived = bytearray()
    with pytest.raises(OSError):
        _collect(answer, arrived)
    assert whole.startswith(arrived)
    assert len(arrived) < len(whole)


def _collect(answer, arrived: bytearray) -> None:
    for piece in answer.streaming_content:
        arrived += piece


def test_44_bytes_that_are_other_ones_are_found_by_verify_and_refused_by_every_client(store, hers, npm):
    """The registry sends what the store gives; clients compare it with the integrity, and `verify` reads all of it."""
    assert hers.put(NAME, sent()).status_code == 201
    store.next("GET", other_bytes)
    assert any("1.0.0" in wrong.subject for wrong in verification.look(lambda count: None))
    assert all_is_well()


def test_a_store_that_hands_tarballs_out_itself_is_asked_first(store, hers, npm, settings):
    assert hers.put(NAME, sent()).status_code == 201
    settings.TARBALLS_BY = "redirect"
    for fault in (answers(404), answers(403), bare(200), shorter, silent):
        store.next("HEAD", fault)
        assert npm.get(TARBALL).status_code == 503
    assert npm.get(TARBALL).status_code == 302


# --- lists: sweeping and backups ------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)  # a backup copies what was committed
@pytest.mark.parametrize("fault", [page(200), page(502), answers(500), silent], ids=["page", "502", "500", "silence"])
def test_a_list_that_nobody_can_read_removes_nothing(store, hers, fault, tmp_path):
    assert hers.put(NAME, sent()).status_code == 201
    before = store.blobs
    store.next("LIST", fault)
    with pytest.raises((OSError, CommandError)):
        call_command("sweep_blobs", stdout=StringIO())
    store.next("GET", answers(500))
    with pytest.raises(CommandError):
        call_command("backup", str(tmp_path / "backups"), stdout=StringIO(), stderr=StringIO())
    assert store.blobs == before
    assert all_is_well()


def test_a_list_that_lags_behind_only_leaves_something_for_the_next_time(store, hers, settings):
    store.next("PUT", done_but(500))
    assert is_our_fault(hers.put(NAME, sent()))
    (orphan,) = store.blobs
    assert hers.put(NAME, sent()).status_code == 201
    store.lists_late.add(orphan)
    assert list(unnamed(older_than=-60)) == []
    store.lists_late.clear()
    assert len(list(unnamed(older_than=-60))) == 1


# --- 50: a slow store -----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_50_what_waits_for_the_store_holds_no_document_and_no_list_up(store, hers, npm):
    assert hers.put(NAME, sent()).status_code == 201
    gate, done = threading.Event(), []
    store.next("PUT", held(gate), times=4)

    def publish(number: str) -> None:
        try:
            done.append(RegistryClient(Client(), hers.token).put(NAME, sent(number)).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=publish, args=(f"2.0.{each}",)) for each in range(4)]
    for each in threads:
        each.start()
    harness.wait_until(lambda: store.waits_for("PUT") == 0)
    assert npm.get(NAME).json()["dist-tags"] == {"latest": "1.0.0"}
    assert hers.put(f"-/package/{NAME}/dist-tags/next", "1.0.0").status_code in (200, 201), "nor a change"
    assert done == []
    gate.set()
    for each in threads:
        each.join(60)
    assert done == [201] * 4
    assert all_is_well()


# --- 36, 38: disks --------------------------------------------------------------------------------------------------


@contextmanager
def small_disk(place: Path, size: str = "256k"):
    """A disk of its own at this path. Skips the test where nobody may mount one."""
    place.mkdir(parents=True, exist_ok=True)
    mount = shutil.which("mount")
    words = [mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if mount is None or os.geteuid() != 0 or subprocess.run(words, capture_output=True).returncode:
        pytest.skip("only root mounts a small disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False, capture_output=True)


def test_38_a_full_disk_of_tarballs_is_a_503_and_room_on_it_helps(hers, settings, tmp_path):
    settings.STORAGE_RESERVE_MB = 0  # else it would not come so far
    with small_disk(tmp_path / "disk") as disk:
        settings.STORAGE_URL = (disk / "blobs").as_uri()
        settings.LEDGER_URL = (tmp_path / "ledger").as_uri()
        blobs.store.cache_clear()
        ballast = disk / "ballast"
        assert hers.put(NAME, sent("0.1.0")).status_code == 201
        ballast.write_bytes(bytes(100 * 1024))
        assert is_our_fault(hers.put(NAME, sent(files=NOISE)))
        assert [version.number for version in Version.objects.all()] == ["0.1.0"]
        assert not list(settings.SPOOL_DIR.glob("*.tgz"))
        halves = list(blobs.store().halves(time.time() + 60))
        for each in halves:
            blobs.store().drop(each)
        ballast.unlink()
        assert hers.put(NAME, sent("1.0.0")).status_code == 201
        assert all_is_well()


def test_34_a_full_disk_of_uploads_is_a_503_and_nothing_of_it_stays(hers, npm, settings, tmp_path):
    settings.STORAGE_RESERVE_MB = 0  # else it would not come so far
    with small_disk(tmp_path / "disk") as disk:
        settings.SPOOL_DIR = disk
        assert is_our_fault(hers.put(NAME, sent(files=NOISE)))
        assert list(disk.iterdir()) == []
        assert nothing_is_there(settings)
        assert hers.put(NAME, sent()).status_code == 201, "what fits is taken"
        assert npm.get(TARBALL).status_code == 200
        assert all_is_well()


def test_38_a_disk_that_is_gone_is_a_503_for_what_was_on_it(hers, npm, settings, tmp_path):
    settings.LEDGER_URL = (tmp_path / "ledger").as_uri()
    settings.STORAGE_RESERVE_MB = 0  # else it would not come so far
    with small_disk(tmp_path / "disk") as disk:
        settings.STORAGE_URL = (disk / "blobs").as_uri()
        blobs.store.cache_clear()
        assert hers.put(NAME, sent()).status_code == 201
    assert npm.get(TARBALL).status_code == 503
    assert npm.get(NAME).status_code == 200


# --- 49, 65: sweeping -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [2 * 3600, 10 * 365 * 86_400], ids=["two hours", "ten years"])
def test_49_65_a_publish_that_slept_lists_nothing_that_was_swept_meanwhile(
    hers, npm, settings, monkeypatch, time_machine, jump
):
    """The bytes are kept, then the machine sleeps or its clock is set, and everything looks old to a sweep."""
    real, asleep = ledger.note, []

    def sleeps(*words: str) -> None:
        real(*words)
        if not asleep:
            time_machine.shift(jump)
            call_command("sweep_blobs", "--hours=1", "--anyway", stdout=StringIO())
            asleep.append(list(blobs.store().keys()))

    monkeypatch.setattr(ledger, "note", sleeps)
    time_machine.move_to(time.time(), tick=True)
    token = hers.token
    answer = npm.as_(token).put(NAME, sent())
    assert asleep == [[]], "it was swept"
    # After ten years the token ended, too.
    assert answer.status_code in (401, 503), answer.content
    assert not Version.objects.exists()
    time_machine.shift(-jump)
    assert npm.as_(token).put(NAME, sent()).status_code == 201
    assert all_is_well()


def test_49_bytes_that_were_kept_too_long_ago_are_not_listed():
    blobs.require_young(time.time())
    blobs.require_young(time.time() + 3600)  # a clock that was set back
    with pytest.raises(Unavailable):
        blobs.require_young(time.time() - blobs.YOUNG - 1)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", [("sqlite", "folder"), ("postgres", "s3")], ids="-".join)
def test_48_sweeping_while_people_publish_loses_nothing(kind, place):
    """With the least age that is taken, over and over, killed half-way each second time."""
    told, rounds = Told(), harness.cycles(6)
    with Host(place) as host:

        def sweep() -> None:
            for number in range(rounds):
                if number % 2:
                    harness.broken_off(host, 1.5, "sweep_blobs", "--hours", "1", "--anyway")
                else:
                    host.manage("sweep_blobs", "--hours", "1", "--anyway")

        at_work(publishers([host], told, 6, readers=2, seed=harness.seed()), sweep)
        print(f"{rounds} sweeps:", oracle(host, told))


# --- the line to the store, real processes --------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_line_that_breaks_is_a_503_a_resumed_body_or_a_cut_connection(place):
    told = Told()
    with FaultyStore() as far, Line(far.port) as line:
        env = object_store.CREDENTIALS | {"STORAGE_URL": far.address("x", through=line.port), "WEB_CONCURRENCY": "1"}
        place.store = "s3"
        with Host(place, env) as host:
            small = pack("@acme/small", "1.0.0")
            large = pack("@acme/large", "1.0.0", random.Random(3).randbytes(2_000_000).hex())
            for each in (small, large):
                assert harness.settled(host, each, told)

            # Before the body: nobody answers, and a 503 comes in time for the client.
            line.refuse()
            assert host.ask("GET", tarball_path(small.name, "1.0.0"), "alice").status == 503
            assert host.ask("GET", "@acme/small", "alice").status == 200
            refused = pack("@acme/small", "1.0.1")
            assert host.ask("PUT", "@acme/small", "bob", refused.body).status == 503
            told.refuse(refused)
            line.heal()

            # In the body: it goes on where it was, however it broke.
            for breaks in (line.cut, line.reset):
                breaks(after=100_000, times=3)
                answer = host.ask("GET", tarball_path(large.name, "1.0.0"), "alice")
                assert (answer.status, answer.body == large.data) == (200, True)
            # For good: the client sees a broken connection, and no whole answer.
            line.cut(after=100_000, times=20)
            with pytest.raises(Lost):
                host.ask("GET", tarball_path(large.name, "1.0.0"), "alice")
            line.heal()
            line.break_off()

            # It swallows everything: what needs no tarball goes on, and all is well when it is over.
            line.swallow()
            waiting = threading.Thread(target=_publish_through, args=(host, pack("@acme/late", "1.0.0"), told))
            waiting.start()
            assert host.ask("GET", "@acme/small", "alice").status == 200
            line.heal()
            waiting.join(120)
            for each in list(told.unsettled.values()):
                assert harness.settled(host, each, told)
            oracle(host, told)


def _publish_through(host: Host, what, told: Told) -> None:
    told.sending(what)
    with suppress(Lost):
        if ask(host.port, "PUT", what.name, host.place.token["bob"], what.body, seconds=120).status == 201:
            told.acknowledge(what)
