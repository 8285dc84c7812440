"""Many ask for the same thing at the same moment (F12), and processes that die on the way (case 68 of the faults)."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts.actor import Actor
from orgs import organizations
from packages.access import Action
from packages.models import Mirror, MirrorVersion, Package, Version
from packages.upstream import fetching, flights, mirroring
from tests.tools.registry_client import RegistryClient

pytestmark = pytest.mark.django_db(transaction=True)
TARBALL = "/left/-/left-1.0.0.tgz"
MANY = 12


@pytest.fixture
def threads():
    """`threads(work, ...)` starts each in a thread with a connection of its own; gives their futures."""
    with ThreadPoolExecutor(MANY) as pool:

        def run(*calls) -> list[Future]:
            return [pool.submit(_and_hang_up, call) for call in calls]

        yield run


def _and_hang_up(call):
    try:
        return call()
    finally:
        connections.close_all()


def get(path: str) -> tuple[int, bytes]:
    answer = RegistryClient(Client()).get(path)
    return answer.status_code, answer.getvalue()


def spooled(settings) -> list[str]:
    return [each.name for each in settings.SPOOL_DIR.iterdir()] if settings.SPOOL_DIR.exists() else []


def until(what) -> None:
    last = time.monotonic() + 60
    while not what():
        assert time.monotonic() < last
        time.sleep(0.01)


def test_f12_many_ask_and_one_goes_upstream(upstream, threads, settings, blob_files):
    data = upstream.publish("left", "1.0.0")
    for path in ("/left", TARBALL):
        gate = threading.Event()
        upstream.fault(path, gate=gate)
        waiting = threads(*[lambda path=path: get(path)] * MANY)
        until(lambda path=path: upstream.asked(path))
        time.sleep(0.2)
        assert not any(each.done() for each in waiting)
        gate.set()
        answers = {each.result(120) for each in waiting}
        assert len(answers) == 1
        assert next(iter(answers))[0] == 200
        assert len(upstream.asked(path)) == 1
    assert answers == {(200, data)}
    assert len(blob_files()) == Version.objects.count() == 1
    assert spooled(settings) == []


def test_f12_many_ask_for_what_upstream_refuses_and_one_goes_there(upstream, threads):
    upstream.publish("left", "1.0.0")
    gate = threading.Event()
    upstream.fault("/left", gate=gate, status=500)
    waiting = threads(*[lambda: get("left")] * MANY)
    until(lambda: upstream.asked("/left"))
    gate.set()
    assert {each.result(120)[0] for each in waiting} == {503}
    assert len(upstream.asked("/left")) == 1


def test_f12_who_waits_too_long_is_told_to_try_again(upstream, threads, monkeypatch):
    monkeypatch.setattr(flights, "WAIT_SECONDS", 0.2)
    upstream.publish("left", "1.0.0")
    gate = threading.Event()
    upstream.fault("/left", gate=gate)
    first, *_ = threads(lambda: get("left"))
    until(lambda: upstream.asked("/left"))
    status, body = get("left")
    assert status == 503
    assert b"try again" in body
    gate.set()
    assert first.result(120)[0] == 200


def test_f12_what_is_a_little_old_is_served_while_one_asks(upstream, threads):
    upstream.publish("left", "1.0.0")
    assert get("left")[0] == 200
    Mirror.objects.update(checked_at=timezone.now() - timedelta(hours=1))
    gate = threading.Event()
    upstream.fault("/left", gate=gate)
    first, *_ = threads(lambda: get("left"))
    until(lambda: len(upstream.asked("/left")) == 2)
    assert get("left")[0] == 200
    assert not first.done()
    gate.set()
    assert first.result(120)[0] == 200


# --- 68: a fill that is cut short, two at once, and one that meets a publish -------------------------------------


def test_68_a_client_that_hangs_up_half_way_leaves_nothing(upstream, monkeypatch, settings, blob_files):
    monkeypatch.setattr(fetching, "WHOLE_FIRST", 1000)
    data = upstream.publish("left", "1.0.0", {"noise.txt": "".join(str(number**3) for number in range(60_000))})
    answer = RegistryClient(Client()).get(TARBALL)
    assert next(iter(answer.streaming_content))
    answer.close()
    assert not Version.objects.exists()
    assert blob_files() == spooled(settings) == []
    assert MirrorVersion.objects.get().leased_until is None
    assert get(TARBALL) == (200, data)


def test_68_a_process_that_died_half_way_holds_the_others_up_for_a_while_only(upstream, monkeypatch, blob_files):
    monkeypatch.setattr(flights, "WAIT_SECONDS", 0.1)
    data = upstream.publish("left", "1.0.0")
    assert get("left")[0] == 200
    row = MirrorVersion.objects.get()
    assert flights.take(row)  # and it is killed
    assert get(TARBALL)[0] == 503
    assert blob_files() == []
    MirrorVersion.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    assert get(TARBALL) == (200, data)


def test_68_two_fills_at_once_give_one_version(upstream, threads, blob_files, settings):
    data = upstream.publish("left", "1.0.0")
    assert get("left")[0] == 200
    gate = threading.Event()
    upstream.fault(TARBALL, gate=gate)
    first, *_ = threads(lambda: get(TARBALL))
    until(lambda: upstream.asked(TARBALL))
    MirrorVersion.objects.update(leased_until=None)  # as when the first one took longer than anybody waits
    second, *_ = threads(lambda: get(TARBALL))
    until(lambda: len(upstream.asked(TARBALL)) == 2)
    gate.set()
    assert first.result(120) == second.result(120) == (200, data)
    assert Version.objects.count() == len(blob_files()) == 1
    assert spooled(settings) == []


@pytest.mark.parametrize("path", ["/@acme/ledger", "/@acme/ledger/-/ledger-1.0.0.tgz"])
def test_68_a_name_that_becomes_ours_while_it_is_fetched_is_ours(upstream, threads, publish, alice, blob_files, path):
    upstream.publish("@acme/ledger", "1.0.0", {"index.js": "steal()"})
    if path.endswith("tgz"):
        assert get("@acme/ledger")[0] == 200
    gate = threading.Event()
    upstream.fault(path, gate=gate)
    waiting, *_ = threads(lambda: get(path))
    until(lambda: upstream.asked(path))
    organizations.create(alice, "acme")
    mine = publish(alice, "@acme/ledger", "1.0.0")
    gate.set()
    status, body = waiting.result(120)
    assert status in (404, 503), body
    assert b"steal" not in body
    package = Package.objects.get()
    assert (package.name, package.mirrored) == ("@acme/ledger", False)
    assert list(Version.objects.values_list("integrity", flat=True)) == [mine.integrity]
    assert len(blob_files()) == 1
    assert get(path)[0] == 404
    found = mirroring.find(alice, Action.VIEW, "@acme/ledger")
    assert isinstance(alice, Actor)
    assert found.pk == package.pk
