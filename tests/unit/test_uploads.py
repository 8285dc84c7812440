"""Whether an upload is taken: so many at once, and only while there is room."""

from __future__ import annotations

import errno
import threading
from contextlib import ExitStack

import pytest

from accounts import limiting
from packages import admission, gate, installation, overview, reserve, vitals
from packages.models import Version
from packages.upstream import fetching
from packages.wire import spool
from registry_site.errors import TooManyRequests, Unavailable
from tests.conftest import login_token
from tests.tools import payloads
from tests.tools.sessions import sign_in

pytestmark = pytest.mark.django_db
PAGE = {"accept": "text/html"}


@pytest.fixture
def full(settings):
    """A disk with less free than the reserve, whatever this machine has."""
    settings.STORAGE_RESERVE_MB = 10**9


# --- the gate ------------------------------------------------------------------------------------------------------


def test_so_many_are_inside_at_once_and_half_of_them_of_one_caller():
    door = gate.Gate()
    with ExitStack() as inside:
        for caller in ("a", "a", "b"):
            inside.enter_context(door.passing(caller, 10, 4, 2, 0))
        with pytest.raises(TooManyRequests) as own, door.passing("a", 10, 4, 2, 0):
            pass
        inside.enter_context(door.passing("b", 10, 4, 2, 0))
        with pytest.raises(Unavailable) as all_together, door.passing("c", 10, 4, 2, 0):
            pass
        assert door.size == 40
    assert own.value.seconds == all_together.value.seconds == gate.RETRY_SECONDS
    assert door.size == 0
    with door.passing("c", 10, 1, 1, 0):
        pass


def test_who_waits_a_moment_gets_the_place_of_who_leaves():
    door, came = gate.Gate(), threading.Event()
    inside = ExitStack()
    inside.enter_context(door.passing("a", 1, 1, 1, 0))

    def wait():
        with door.passing("b", 1, 1, 1, 60):
            came.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert not came.is_set()
    inside.close()
    waiting.join(60)
    assert came.is_set()


def test_no_more_than_a_few_wait(monkeypatch):
    monkeypatch.setattr(gate, "WAITING", 0)
    door = gate.Gate()
    with door.passing("a", 1, 1, 1), pytest.raises(Unavailable), door.passing("b", 1, 1, 1, 60):
        pass


def test_an_upload_that_is_refused_or_breaks_gives_its_place_back(npm, uma):
    caller = npm.as_(login_token(uma))
    for body in (b"", b"{", {"name": "@uma/y"}):
        assert caller.put("@uma%2fx", body).status_code in (400, 422)
    assert gate.uploads.size == 0
    assert gate.uploads._inside.total() == 0


def test_with_all_places_taken_uploads_wait_and_readers_do_not(npm, uma, dave, publish, settings, monkeypatch):
    publish(uma, "@uma/x")
    settings.UPLOADS_AT_ONCE = 2
    monkeypatch.setattr(gate, "WAITING", 0)
    monkeypatch.setattr(admission, "SMALL", 0)
    caller = npm.as_(login_token(uma))
    body = payloads.publish_body("@uma/x", "1.1.0")
    with gate.uploads.passing("one", 1, 2, 1), gate.uploads.passing("another", 1, 2, 1):
        busy = caller.put("@uma%2fx", body)
        assert (busy.status_code, busy["Retry-After"], busy.json()["code"]) == (503, "10", "busy")
        assert caller.get("@uma%2fx").status_code == 200
        assert caller.get("@uma/x/-/x-1.0.0.tgz").status_code == 200
    with gate.uploads.passing(limiting.caller(uma), 1, 2, 1):
        own = caller.put("@uma%2fx", body)
        assert (own.status_code, own["Retry-After"]) == (429, "10")
        answer = npm.as_(login_token(dave)).put("@dave%2fx", payloads.publish_body("@dave/x", "1.0.0"))
        assert answer.status_code == 201, "others go on"
    assert caller.put("@uma%2fx", body).status_code == 201


def test_small_uploads_do_not_wait_for_large_ones(npm, uma, settings):
    settings.UPLOADS_AT_ONCE = 1
    with gate.uploads.passing("one", 1, 1, 1):
        answer = npm.as_(login_token(uma)).put("@uma%2fx", payloads.publish_body("@uma/x", "1.0.0"))
        assert answer.status_code == 201


def test_without_rate_limits_one_caller_may_have_all_places(npm, uma, settings, monkeypatch):
    monkeypatch.setattr(gate, "WAITING", 0)
    monkeypatch.setattr(admission, "SMALL", 0)
    settings.RATES, settings.ACCOUNT_RATE_LIMITS, settings.UPLOADS_AT_ONCE = {}, False, 2
    with gate.uploads.passing(limiting.caller(uma), 1, 2, 2):
        answer = npm.as_(login_token(uma)).put("@uma%2fx", payloads.publish_body("@uma/x", "1.0.0"))
        assert answer.status_code == 201


# --- the reserve ---------------------------------------------------------------------------------------------------


def test_below_the_reserve_nothing_is_published_or_staged_and_all_else_goes_on(
    npm, client, uma, publish, full, settings, blob_files
):
    settings.STORAGE_RESERVE_MB = 0
    publish(uma, "@uma/x")
    settings.STORAGE_RESERVE_MB = 10**9
    caller, files = npm.as_(login_token(uma)), blob_files()
    body = payloads.publish_body("@uma/x", "1.1.0")
    for answer in (caller.put("@uma%2fx", body), caller.post("-/stage/package/@uma%2fx", body)):
        assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "storage_low", "300")
        assert "installing goes on" in answer.json()["error"]
    assert Version.objects.count() == 1
    assert blob_files() == files
    assert caller.get("@uma/x/-/x-1.0.0.tgz").status_code == 200
    assert caller.put("-/package/@uma%2fx/dist-tags/next", "1.0.0").status_code in (200, 201)
    document = {
        "_id": "@uma/x",
        "name": "@uma/x",
        "_rev": caller.get("@uma%2fx?write=true").json()["_rev"],
        "versions": {"1.0.0": {"deprecated": "old"}},
    }
    assert caller.put("@uma%2fx", document).status_code == 201
    sign_in(client, uma)
    assert "Nothing can be published right now" in client.get("/", headers=PAGE).content.decode()
    client.logout()
    assert "Nothing can be published" not in client.get("/", headers=PAGE).content.decode()


def test_nothing_is_fetched_from_upstream_then_and_what_is_here_is_served(npm, upstream, settings):
    upstream.publish("left-pad", "1.0.0")
    upstream.publish("right-pad", "1.0.0")
    assert npm.get("left-pad/-/left-pad-1.0.0.tgz").status_code == 200
    settings.STORAGE_RESERVE_MB = 10**9
    assert npm.get("left-pad/-/left-pad-1.0.0.tgz").status_code == 200
    answer = npm.get("right-pad/-/right-pad-1.0.0.tgz")
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_low")
    assert fetching.Version.objects.count() == 1


def test_an_upload_that_would_eat_the_reserve_is_refused_before_its_body(npm, uma, settings, tmp_path):
    free = min(reserve.free().values())
    settings.STORAGE_RESERVE_MB = max(1, free // 2**20 - 10)
    settings.MAX_TARBALL = 2**40
    caller = npm.as_(login_token(uma))
    answer = caller.put("@uma%2fx", b" " * 40 * 2**20)
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_low")
    assert not settings.SPOOL_DIR.exists()


def test_operators_hear_of_it_before_and_while_it_lasts(full, settings):
    assert "less than" in reserve.low()
    assert "nothing is published" in vitals.changes()
    assert any(each.subject == "Reserve" and each.state == "bad" for each in installation.look())
    assert any("Make room" in each for each in overview.facts()["warnings"])
    assert {name: look for name, _, look, _ in vitals.GAUGES}["registry_storage_low"]() == 1
    settings.STORAGE_RESERVE_MB = max(1, min(reserve.free().values()) // 2**20 // 2)
    assert (reserve.low(), reserve.nearly_low(), vitals.changes()) == ("", True, "ok")
    assert any(each.subject == "Reserve" and each.state == "warn" for each in installation.look())
    assert any("Publishing stops soon" in each for each in overview.facts()["warnings"])
    settings.STORAGE_RESERVE_MB = 0
    assert (reserve.low(10**18), reserve.nearly_low()) == ("", False)


def test_a_disk_that_is_full_all_the_same_is_a_503(npm, uma, monkeypatch, settings, blob_files):
    class Full(spool.Spool):
        def _opened(self):
            raise OSError(errno.ENOSPC, "No space left on device")

    from packages.wire import reading

    monkeypatch.setattr(reading, "Spool", Full)
    answer = npm.as_(login_token(uma)).put("@uma%2fx", payloads.publish_body("@uma/x", "1.0.0"))
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert blob_files() == []
    assert gate.uploads.size == 0
