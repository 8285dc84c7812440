"""Download records: what is one, that a busy day is one line, and that they are forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import tokens
from accounts.actor import Actor
from accounts.models import Token
from packages import blobs, counting, records
from packages.models import DownloadRecord
from registry_site import timetable

NAME = "@uma/x"
PATH = f"{NAME}/-/x-1.0.0.tgz"


@pytest.fixture
def package(publish, uma):
    return publish(uma, NAME, access="public").package


@pytest.fixture
def hugos(hugo):
    return tokens.issue(hugo, hugo.user, kind=Token.Kind.LOGIN, name="laptop")


def fetch(caller, path: str = PATH, method: str = "get", **headers):
    answer = getattr(caller, method)(path, **headers)
    if answer.streaming:
        answer.getvalue()  # and close it, at its end
    return answer


def kept() -> list[tuple]:
    records.later.write()
    return list(DownloadRecord.objects.order_by("pk").values_list("name", "number", "user__username", "count"))


def test_a_whole_tarball_leaves_a_record_and_nothing_else_does(npm, package, hugos):
    caller = npm.as_(hugos[1])
    tag = fetch(caller, NAME)["ETag"]
    assert fetch(caller, NAME, if_none_match=tag).status_code == 304
    assert fetch(caller, method="head").status_code == 200
    assert fetch(caller, f"{NAME}/-/x-7.0.0.tgz").status_code == 404
    assert fetch(npm.as_("npm_wrong")).status_code == 401
    version = package.versions.get()
    for read in (0, 10):
        noted = records.noting(Actor(hugos[0].user, hugos[0]), "npm", package, version.number)
        body = counting.watch(blobs.open_blob(version.blob, version.size), version, noted)
        body.read(read)
        body.close()  # the client went away
    assert kept() == []
    assert fetch(caller, user_agent="npm/11.6.0 node/v24.1.0 linux x64").status_code == 200
    assert kept() == [(NAME, "1.0.0", "hugo", 1)]
    row = DownloadRecord.objects.get()
    assert (row.token, row.credential, row.machine, row.mirrored) == (hugos[0], hugos[0].prefix, "", False)
    assert (row.address, row.client) == ("127.0.0.1", "npm/11.6.0 node/v24.1.0 linux x64")


def test_a_busy_day_is_one_line_for_each_token_and_address(npm, package, hugos, gina, time_machine):
    time_machine.move_to(datetime(2026, 3, 10, 9, tzinfo=UTC), tick=False)
    hers = npm.as_(tokens.issue(gina, gina.user, kind=Token.Kind.LOGIN)[1])
    his = npm.as_(tokens.issue(Actor(hugos[0].user), hugos[0].user, kind=Token.Kind.LOGIN)[1])
    for _ in range(5):
        fetch(his, user_agent="npm/11.0.0")
    fetch(hers)
    fetch(npm)
    fetch(npm)
    with CaptureQueriesContext(connection) as caught:
        records.later.write()
    assert len([each for each in caught if each["sql"].startswith("INSERT")]) == 1
    time_machine.move_to(datetime(2026, 3, 10, 18, tzinfo=UTC), tick=False)
    fetch(his, user_agent="pnpm/10.0.0")
    assert set(kept()) == {(NAME, "1.0.0", "hugo", 6), (NAME, "1.0.0", "gina", 1), (NAME, "1.0.0", None, 2)}
    row = DownloadRecord.objects.get(user=hugos[0].user)
    assert (row.first_at.hour, row.last_at.hour, row.client) == (9, 18, "pnpm/10.0.0")
    time_machine.move_to(datetime(2026, 3, 11, 0, 0, 1, tzinfo=UTC), tick=False)
    fetch(his)
    assert len(kept()) == 4
    (first, *_) = records.told(list(records.callers(records.of(NAME))))
    assert (first.last.user, first.count, first.first_at.day, first.last_at.day) == (hugos[0].user, 7, 10, 11)
    counts, _ = records.counts(records.of(NAME, "1.0.0"))
    assert (counts.people, counts.tokens, counts.addresses, counts.callers, counts.downloads) == (2, 2, 1, 3, 10)
    assert counts.sentence == (
        "2 people and 1 address without a token downloaded it here in the last 90 days, with 2 tokens."
    )


def test_what_could_not_be_written_is_put_together_with_what_came_since(npm, package, hugos, monkeypatch):
    caller = npm.as_(hugos[1])
    fetch(caller)

    def fail(rows):
        fetch(caller)  # meanwhile
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(records.later, "_write", fail)
        with pytest.raises(ConnectionError):
            records.later.write()
    assert kept() == [(NAME, "1.0.0", "hugo", 2)]


def test_an_account_that_is_gone_takes_its_name_along(npm, package, hugo, hugos):
    caller = npm.as_(hugos[1])
    fetch(caller)
    assert kept() == [(NAME, "1.0.0", "hugo", 1)]
    fetch(caller)
    hugo.user.delete()
    assert kept() == [(NAME, "1.0.0", None, 2)]
    row = DownloadRecord.objects.get()
    assert (row.token, row.who, row.credential) == (None, "", hugos[0].prefix)


def test_they_are_forgotten_after_the_days_that_the_setting_says(package, settings):
    today = timezone.now().date()
    for ago in (0, 10, 11, 200):
        day = today - timedelta(days=ago)
        DownloadRecord.objects.create(name=NAME, number="1.0.0", caller="address 1", day=day)
    settings.DOWNLOAD_RECORD_DAYS = 10
    assert timetable.run("forget who downloaded what long ago")
    left = DownloadRecord.objects.order_by("-day").values_list("day", flat=True)
    assert [(today - day).days for day in left] == [0, 10]
    settings.DOWNLOAD_RECORD_DAYS = 0
    records.purge()
    assert not DownloadRecord.objects.exists()


def test_zero_days_write_none(npm, package, hugos, settings):
    settings.DOWNLOAD_RECORD_DAYS = 0
    assert fetch(npm.as_(hugos[1])).status_code == 200
    assert kept() == []
    assert "not remembered" in records.counts(records.of(NAME))[0].sentence


def test_a_download_asks_the_database_nothing_for_it(npm, package, hugos, settings):
    caller = npm.as_(hugos[1])
    fetch(caller)
    with CaptureQueriesContext(connection) as with_them:
        fetch(caller)
    settings.DOWNLOAD_RECORD_DAYS = 0
    with CaptureQueriesContext(connection) as without:
        fetch(caller)
    assert len(with_them) == len(without)
