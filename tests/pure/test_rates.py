"""The table of limits: how `RATE_LIMITS` changes it, and what people are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from registry_site import rates


def read(monkeypatch, text: str) -> dict[str, str]:
    monkeypatch.setenv("RATE_LIMITS", text)
    return rates.read("RATE_LIMITS")


def test_on_is_the_table_and_off_is_nothing(monkeypatch):
    assert read(monkeypatch, "on") == {name: limit.rates for name, limit in rates.TABLE.items()}
    assert read(monkeypatch, "off") == {}


def test_single_limits_are_changed_or_switched_off(monkeypatch):
    found = read(monkeypatch, "search=off, publish=100/10m+500/d")
    assert (found["search"], found["publish"]) == ("", "100/10m+500/d")
    assert found["login"] == rates.TABLE["login"].rates
    assert rates.parsed(found["publish"]) == [(100, 600), (500, 86400)]
    assert rates.parsed("") == []


@pytest.mark.parametrize(
    "text",
    ["yes", "publish", "publish=", "publish=0/m", "publish=5", "publish=5/y", "publish=5/m,nothing=1/m", "publish=٥/m"],
)
def test_what_makes_no_sense_stops_the_start(monkeypatch, text):
    with pytest.raises(ImproperlyConfigured, match="RATE_LIMITS"):
        read(monkeypatch, text)


def test_every_limit_of_the_table_can_be_read():
    for name, limit in rates.TABLE.items():
        assert all(amount > 0 and seconds > 0 for amount, seconds in rates.parsed(limit.rates)), name
        assert len(rates.parsed(limit.rates)) == limit.rates.count("+") + 1, name


def test_the_page_for_operators_has_the_table_as_it_is():
    page = (Path(__file__).resolve().parents[2] / "docs" / "limits.md").read_text()
    rows = [f"| `{name}` | `{each.rates}` | {each.per} | {each.of} |" for name, each in rates.TABLE.items()]
    assert [line for line in page.splitlines() if line.startswith("| `")] == rows + [
        line for line in page.splitlines() if line.startswith("| `MAX_")
    ]


def test_django_allauth_is_told_the_same_and_of_what_is_off_nothing(monkeypatch):
    told = rates.for_allauth(read(monkeypatch, "sign-up=off,failed-login=off"))
    assert told["signup"] is None
    assert told["login_failed"] == "5/5m/key"
    assert told["reset_password"] == "20/m/ip,5/m/key,20/d/key"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "in 1 second"),
        (40, "in 40 seconds"),
        (89, "in 89 seconds"),
        (91, "in 2 minutes"),
        (300, "in 5 minutes"),
        (3600, "in 1 hour"),
        (6000, "in 2 hours"),
        (86400, "in 1 day"),
        (200_000, "in 3 days"),
    ],
)
def test_when_to_come_back_is_said_as_people_do(seconds, said):
    assert rates.words(seconds) == said
