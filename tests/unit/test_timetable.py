"""The daily jobs: each once a day, on one host, and again when one broke off."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from registry_site import timetable
from registry_site.models import Job

pytestmark = pytest.mark.django_db


@pytest.fixture
def ran(monkeypatch):
    """A timetable of its own, with one job that writes down that it ran and one that fails."""
    done: list[str] = []
    monkeypatch.setattr(timetable, "_jobs", {})

    def fail() -> None:
        done.append("bad")
        raise ValueError("no luck")

    timetable.daily("good", lambda: done.append("good"))
    timetable.daily("bad", fail)
    return done


def test_each_runs_once_a_day_and_a_failure_stops_no_other(ran, time_machine):
    start = timezone.now()
    assert timetable.run_due() == ["good"]
    assert timetable.run_due() == []
    assert sorted(ran) == ["bad", "good"]
    assert Job.objects.get(name="bad").failure == "ValueError: no luck"
    time_machine.move_to(start + timedelta(hours=2))
    timetable.run_due()
    assert sorted(ran) == ["bad", "bad", "good"]
    time_machine.move_to(start + timedelta(hours=25))
    assert timetable.run_due() == ["good"]


def test_some_run_at_each_look_and_soon_again_when_they_fail(ran, monkeypatch, time_machine):
    monkeypatch.setattr(timetable, "_often", set())
    start = timezone.now()
    time_machine.move_to(start, tick=False)
    timetable.often("each time", lambda: ran.append("each"))
    assert "each time" in timetable.run_due()
    assert timetable.run_due() == ["each time"]
    timetable.often("each time", lambda: [][0])
    assert timetable.run_due() == []
    timetable.often("each time", lambda: ran.append("each"))
    assert timetable.run_due() == []
    time_machine.move_to(start + timetable.AGAIN, tick=False)
    assert timetable.run_due() == ["each time"]


def test_what_another_host_runs_is_left_alone(ran):
    now = timezone.now()
    Job.objects.create(name="good", due_at=now + timedelta(minutes=59), started_at=now)
    assert timetable.run_due() == []
    assert "good" not in ran


def test_an_operator_runs_and_lists_them(ran, capsys):
    call_command("run_jobs", "good")
    call_command("run_jobs", "--list")
    said = capsys.readouterr().out
    assert "good ran" in said
    assert "bad: last ran never" in said
    with pytest.raises(CommandError, match="broke off"):
        call_command("run_jobs", "bad")
    with pytest.raises(CommandError, match="no job"):
        call_command("run_jobs", "nothing")


def test_the_product_names_its_jobs(db):
    assert {"remind of ending tokens", "forget ended sessions", "sweep unnamed tarballs"} <= set(timetable.names())
    assert len(timetable.run_due()) == len(timetable.names())
