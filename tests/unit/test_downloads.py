"""Download counts: what counts, that none is lost or counted twice, and who may read them."""

from __future__ import annotations

import threading
from datetime import date, datetime, timedelta

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.actor import NOBODY
from packages import access, counting, downloads
from packages.downloads import Period
from packages.models import DownloadCount, Package, Version
from registry_site import later
from registry_site.errors import Invalid
from tests.conftest import login_token
from tests.tools.registry_client import without_reference

TODAY = date(2026, 3, 10)


@pytest.fixture
def tally():
    """What was counted and is not written yet; no thread writes it."""
    return counting.tally


@pytest.fixture
def noon(time_machine):
    time_machine.move_to(datetime(2026, 3, 10, 12, 0, tzinfo=timezone.get_default_timezone()), tick=False)


@pytest.fixture
def shelf(publish, uma, noon):
    publish(uma, "@uma/open", access="public")
    publish(uma, "@uma/closed")


def counted() -> dict[tuple[str, date], int]:
    rows = DownloadCount.objects.values_list("version__package__name", "day", "count")
    return {(name, day): count for name, day, count in rows}


def put(name: str, *counts: int, number: str = "1.0.0") -> None:
    """So many downloads: the last number is today's, the one before yesterday's."""
    version = Version.objects.get(package__name=name, number=number)
    for ago, count in enumerate(reversed(counts)):
        day = TODAY - timedelta(days=ago)
        DownloadCount.objects.create(package=version.package, version=version, day=day, count=count)


def fetch(npm, name: str, method: str = "get", **headers):
    base = name.rpartition("/")[2]
    answer = getattr(npm, method)(f"{name}/-/{base}-1.0.0.tgz", **headers)
    if answer.streaming:
        answer.getvalue()  # and close it, at its end
    return answer


def test_whole_tarballs_count_and_nothing_else(npm, shelf, uma, tally):
    hers = npm.as_(login_token(uma))
    for _ in range(3):
        assert fetch(npm, "@uma/open").status_code == 200
    fetch(hers, "@uma/closed")
    assert fetch(npm, "@uma/open", "head").status_code == 200
    assert fetch(npm, "@uma/closed").status_code == 404
    npm.get("@uma/open")
    tally.write()
    assert counted() == {("@uma/open", TODAY): 3, ("@uma/closed", TODAY): 1}


def test_a_file_that_the_system_sends_counts_when_all_of_it_was_sent(shelf, tmp_path):
    path = tmp_path / "blob"
    path.write_bytes(b"12345")
    for sent, whole in ((5, [1]), (3, []), (0, [])):
        told: list[int] = []
        watched = counting.Watched(path.open("rb"), 5, lambda told=told: told.append(1))
        assert watched.seek(0, 2) == 5  # as its length is asked
        watched.seek(0)
        watched.seek(sent)  # as socket.sendfile leaves it
        watched.close()
        watched.close()
        assert told == whole


def test_writing_adds_to_what_is_there(shelf, tally):
    version = Version.objects.get(package__name="@uma/open")
    for round_ in (1, 2):
        for _ in range(5):
            counting.add(version)
        with CaptureQueriesContext(connection) as queries:
            tally.write()
        assert len([q for q in queries if q["sql"].startswith("INSERT")]) == 1
        assert counted() == {("@uma/open", TODAY): 5 * round_}
    tally.write()
    assert counted() == {("@uma/open", TODAY): 10}


def test_a_database_that_fails_keeps_the_counts_for_the_next_time(shelf, tally, monkeypatch):
    version = Version.objects.get(package__name="@uma/open")
    counting.add(version)

    def fail(counts):
        counting.add(version)  # meanwhile
        raise DatabaseError("away")

    with monkeypatch.context() as patch:
        patch.setattr(tally, "_write", fail)
        patch.setattr(later, "close_old_connections", lambda: None)  # the test goes on with its own
        with pytest.raises(DatabaseError):
            tally.write()
        later.Writer().stop()  # it never raises into the server
    assert counted() == {}
    tally.write()
    assert counted() == {("@uma/open", TODAY): 3}


def test_a_version_that_is_gone_takes_no_other_count_with_it(shelf, tally):
    version = Version.objects.get(package__name="@uma/open")
    counting.add(version)
    counting.add(Version(pk=version.pk + 10_000, package_id=version.package_id))
    tally.write()
    assert counted() == {("@uma/open", TODAY): 1}


def test_threads_lose_nothing(shelf, tally):
    version = Version.objects.get(package__name="@uma/open")
    threads = [threading.Thread(target=lambda: [counting.add(version) for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tally.write()
    assert counted() == {("@uma/open", TODAY): 4000}


def test_a_day_ends_at_midnight_utc(shelf, tally, time_machine):
    version = Version.objects.get(package__name="@uma/open")
    for moment in ("2026-03-10T23:59:59+00:00", "2026-03-11T00:00:00+00:00"):
        time_machine.move_to(datetime.fromisoformat(moment), tick=False)
        counting.add(version)
    tally.write()
    assert set(counted()) == {("@uma/open", TODAY), ("@uma/open", TODAY + timedelta(days=1))}


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("last-day", "2026-03-10", "2026-03-10"),
        ("last-week", "2026-03-04", "2026-03-10"),
        ("last-month", "2026-02-09", "2026-03-10"),
        ("last-year", "2025-03-11", "2026-03-10"),
        ("2026-02-01", "2026-02-01", "2026-02-01"),
        ("2026-02-01:2026-02-28", "2026-02-01", "2026-02-28"),
    ],
)
def test_periods(noon, text, start, end):
    assert Period.parse(text) == Period(date.fromisoformat(start), date.fromisoformat(end))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "last-decade",
        "2026-02-30",
        "2026-2-1",
        "2026-02-02:2026-02-01",
        "2020-01-01:2026-01-01",
        "２026-01-01",
        "1:2",
    ],
)
def test_what_is_no_period_is_refused(npm, shelf, text):
    with pytest.raises(Invalid):
        Period.parse(text)
    if text:
        assert npm.get(f"downloads/point/{text}/@uma/open").status_code == 422


def test_the_shapes_of_the_public_registry(npm, client, shelf, publish, uma):
    publish(uma, "loose")
    put("@uma/open", 9, 1, 2, 3)
    put("loose", 4)
    week = {"start": "2026-03-04", "end": "2026-03-10"}
    point = npm.get("downloads/point/last-week/@uma%2fopen").json()
    assert point == {"downloads": 15, "package": "@uma/open"} | week
    days = npm.get("downloads/range/2026-03-08:2026-03-10/@uma/open").json()
    assert days == {
        "downloads": [{"downloads": n, "day": f"2026-03-{day:02}"} for n, day in ((1, 8), (2, 9), (3, 10))],
        "start": "2026-03-08",
        "end": "2026-03-10",
        "package": "@uma/open",
    }
    bulk = npm.get("downloads/point/last-day/loose,nothing-here,@uma/open").json()
    assert bulk["loose"]["downloads"] == 4
    assert bulk["@uma/open"]["downloads"] == 3
    assert bulk["nothing-here"] is None
    assert npm.get("downloads/range/last-day/loose,@uma/open").json()["loose"]["downloads"][0]["downloads"] == 4
    assert npm.get("versions/@uma%2fopen/last-week").json() == {"package": "@uma/open", "downloads": {"1.0.0": 15}}
    assert client.get("/downloads/point/last-week/@uma/open").json() == point
    assert client.get("/versions/loose/last-week").json()["downloads"] == {"1.0.0": 4}
    assert npm.get("downloads/point/last-day/" + ",".join(f"p{n}" for n in range(200))).status_code == 422


def test_totals_and_lists_are_of_what_the_asker_may_see(npm, shelf, uma, dave):
    put("@uma/open", 5)
    put("@uma/closed", 70)
    hers, his = npm.as_(login_token(uma)), npm.as_(login_token(dave))
    for caller, total in ((hers, 75), (his, 5), (npm, 5)):
        assert caller.get("downloads/point/last-day").json()["downloads"] == total
        assert caller.get("downloads/range/last-day").json()["downloads"] == [{"downloads": total, "day": "2026-03-10"}]
        bulk = caller.get("downloads/point/last-day/@uma/open,@uma/closed").json()
        assert (bulk["@uma/closed"] is None) is (total == 5)
    for path in ("downloads/point/last-day/{}", "downloads/range/last-day/{}", "versions/{}/last-week"):
        hidden, absent = (his.get(path.format(name)) for name in ("@uma/closed", "@uma/clused"))
        assert hidden.status_code == absent.status_code == 404
        assert without_reference(hidden).replace(b"closed", b"clused") == without_reference(absent)
    assert downloads.total(access.visible_to(NOBODY), Period.last(7)) == 5


def test_a_session_is_no_credential_there(client, shelf, uma):
    put("@uma/closed", 70)
    client.force_login(uma.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get("/downloads/point/last-day/@uma/closed").status_code == 404
    assert client.get("/downloads/point/last-day").json()["downloads"] == 0


def test_enterprise_tells_strangers_nothing(npm, shelf, settings):
    put("@uma/open", 5)
    settings.REGISTRY_MODE = "enterprise"
    assert npm.get("downloads/point/last-day/@uma/open").status_code == 401
    assert npm.get("downloads/point/last-day").json()["downloads"] == 0
    assert npm.get("downloads/point/last-day/@uma/open,loose").status_code == 401


def test_pages_show_the_numbers(client, publish, shelf, uma):
    publish(uma, "@uma/open", "1.1.0")
    put("@uma/open", *[1] * 7, 1000)
    page = client.get("/package/@uma/open")
    assert page.context["downloads"].week == 1006
    assert page.context["downloads"].weeks == [0] * 10 + [1, 1006]
    text = page.content.decode()
    assert ">1,006<" in text
    assert text.count("<td>0</td>") == 10  # the table that a screen reader reads instead of the line
    assert "<td>1</td>" in text
    assert "1,005 more than the week before" in text
    assert "style=" not in text
    assert "1,006 downloads this week" in client.get("/package/@uma/open/versions").content.decode()
    assert "1,006 / week" in client.get("/search?q=open").content.decode()
    assert "1,006 / week" in client.get("/~uma").content.decode()


def test_a_package_nobody_downloads_has_a_line_too(client, shelf):
    text = client.get("/package/@uma/open").content
    assert text.count(b"<td>0</td>") == 12
    assert b"None in the last seven days" in text
    assert b"/ week" not in client.get("/search?q=open").content


def test_weekly_numbers_of_a_list_are_one_query(shelf, django_assert_num_queries):
    put("@uma/open", 2)
    listed = list(Package.objects.order_by("name"))
    with django_assert_num_queries(1):
        assert [each.weekly for each in downloads.with_weekly(listed)] == [0, 2]
