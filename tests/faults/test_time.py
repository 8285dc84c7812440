"""Clocks that are set back, jump ahead, or differ: the order of things is never the clock's."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts import tokens
from accounts.models import AuditEvent, Token
from packages import blobs, releases, staging, verification
from packages.models import Mirror, MirrorVersion, Package, Version
from packages.sweeping import unnamed
from packages.upstream import flights
from registry_site import timetable
from registry_site.models import Job
from tests.conftest import login_token
from tests.tools import payloads

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 29, 0, 59, 58, tzinfo=UTC)  # an hour is left out in Europe two seconds later
ODD = {
    "an hour back": timedelta(hours=-1),
    "half a minute back, as another host's": timedelta(seconds=-30),
    "ten years ahead": timedelta(days=3652),
    "after 2038": datetime(2038, 1, 19, 3, 14, 9, tzinfo=UTC) - START,
    "a year with a day more": datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC) - START,
    "a leap second": datetime(2016, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC) - START,
    "1970": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC) - START,
}


@pytest.fixture(params=ODD.values(), ids=ODD)
def jump(request) -> timedelta:
    return request.param


def wrong() -> list[str]:
    return [str(each) for each in verification.look(lambda count: None)]


def test_65_66_the_times_of_a_package_never_go_back(npm, uma, publish, time_machine, jump):
    """Published, the clock is set, published, the clock is right again, published."""
    for step, at in enumerate((START, START + jump, START + timedelta(minutes=1))):
        time_machine.move_to(at)
        publish(uma, "@uma/x", f"1.{step}.0", access="public")
        releases.set_tag(uma, "@uma/x", f"tag{step}", f"1.{step}.0")
    said = npm.get("@uma/x").json()
    times = [said["time"][f"1.{step}.0"] for step in range(3)]
    assert times == sorted(times)
    assert said["time"]["created"] <= times[0]
    assert said["time"]["modified"] >= times[-1]
    assert list(said["versions"]) == ["1.0.0", "1.1.0", "1.2.0"]
    assert said["dist-tags"]["latest"] == "1.2.0"
    package = Package.objects.get()
    assert package.revision == 6, "counted, not dated"
    order = AuditEvent.objects.filter(action="version.published").order_by("pk")
    assert [event.facts["version"] for event in order] == ["1.0.0", "1.1.0", "1.2.0"]
    assert wrong() == []


def test_65_what_was_staged_and_released_by_another_clock_is_no_older_than_the_rest(uma, stage, publish, time_machine):
    from dataclasses import replace

    from tests.tools.sessions import turn_on_two_factor

    turn_on_two_factor(uma)
    time_machine.move_to(START)
    publish(uma, "@uma/x", "1.0.0")
    staged = stage(uma, "@uma/x", "1.1.0")
    time_machine.move_to(START - timedelta(hours=1))
    staging.approve(replace(uma, second_factor=True), staged.key)
    first, second = Version.objects.order_by("pk")
    assert first.published_at <= second.published_at
    assert wrong() == []


def test_65_a_revoked_token_opens_nothing_whatever_the_time_is(npm, uma, publish, time_machine, jump):
    time_machine.move_to(START)
    publish(uma, "@uma/x")
    secret = login_token(uma)
    token = Token.objects.latest("pk")
    tokens.revoke(uma, uma.user, str(token.key))
    time_machine.move_to(START + jump)
    assert npm.as_(secret).get("-/whoami").status_code == 401
    assert npm.as_(secret).put("@uma/x", payloads.publish_body("@uma/x", "2.0.0")).status_code == 401
    assert Version.objects.count() == 1


def test_65_a_token_that_ended_works_again_only_where_the_clock_says_that_it_has_not_ended(npm, uma, time_machine):
    """It is said in docs/reliability.md: the end of a token is a time, and the clock says what time it is."""
    time_machine.move_to(START)
    _, secret = tokens.issue(uma, uma.user, kind=Token.Kind.GRANULAR, days=1)
    for hours, status in ((23, 200), (25, 401), (23, 200), (25, 401)):
        time_machine.move_to(START + timedelta(hours=hours))
        assert npm.as_(secret).get("-/whoami").status_code == status


def test_65_a_daily_job_that_was_planned_by_a_wrong_clock_is_not_put_off_for_years(monkeypatch, time_machine):
    ran: list[str] = []
    monkeypatch.setattr(timetable, "_jobs", {})
    timetable.daily("daily", lambda: ran.append("daily"))
    time_machine.move_to(START + timedelta(days=3652))
    assert timetable.run_due() == ["daily"]
    time_machine.move_to(START, tick=False)
    assert timetable.run_due() == ["daily"], "it is due in ten years and a day, says the row"
    assert timetable.run_due() == []
    assert Job.objects.get().due_at == START + timetable.EVERY
    time_machine.move_to(START - timedelta(hours=1))
    assert timetable.run_due() == []
    time_machine.move_to(START + timedelta(hours=25))
    assert timetable.run_due() == ["daily"]


def test_65_a_lease_of_a_wrong_clock_holds_nobody_up_for_years(time_machine):
    time_machine.move_to(START + timedelta(days=3652))
    row = Mirror.objects.create(name="left")
    assert flights.take(row)
    time_machine.move_to(START)
    flights.wait(row)
    again = Mirror.objects.get()
    assert flights.take(again)
    assert not flights.take(Mirror.objects.get()), "and one that is as long as it should be is kept to"
    assert not MirrorVersion.objects.exists()


@pytest.mark.usefixtures("folder")
def test_65_66_sweeping_by_the_age_of_files_takes_nothing_that_is_named(uma, publish, tmp_path, time_machine):
    """Files of 1970 and of 2038, a clock that jumps: what a version names is not asked for its age."""
    named = publish(uma, "@uma/x").blob
    other = publish(uma, "@uma/x", "2.0.0").blob
    root = blobs.store().root
    os.utime(root / named, (0, 0))
    os.utime(root / other, (2**31 + 5, 2**31 + 5))
    for at in (START, START + timedelta(days=36_520), datetime(1970, 1, 2, tzinfo=UTC)):
        time_machine.move_to(at)
        call_command("sweep_blobs", "--hours=1", "--anyway", stdout=StringIO())
    assert set(blobs.store().keys()) == {named, other}
    assert list(unnamed(older_than=-(10**10))) == []
    assert wrong() == []


def test_66_times_are_utc_to_the_millisecond_in_every_time_zone(npm, uma, publish, time_machine, monkeypatch):
    import time

    for zone in ("Pacific/Kiritimati", "America/St_Johns", "Europe/Berlin"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        try:
            time_machine.move_to(START + timedelta(microseconds=123_456), tick=False)
            number = f"1.0.0-{zone.partition('/')[2].replace('_', '').lower()}"
            publish(uma, "@uma/x", number, access="public")
            assert npm.get("@uma/x").json()["time"][number] == "2026-03-29T00:59:58.123Z"
            assert timezone.now().utcoffset() == timedelta(0)
        finally:
            monkeypatch.delenv("TZ")
            time.tzset()
