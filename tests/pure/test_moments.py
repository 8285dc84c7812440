"""Moments as people say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_site.moments import in_words

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=23, minutes=59), "23 hours ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=6, hours=23), "6 days ago"),
        (timedelta(days=7), "1 week ago"),
        (timedelta(days=27), "3 weeks ago"),
        (timedelta(days=28), "1 month ago"),  # the first of February to the first of March
        (timedelta(days=364), "11 months ago"),
        (timedelta(days=365), "1 year ago"),
        (timedelta(days=365 * 2), "2 years ago"),
        (-timedelta(seconds=59), "just now"),
        (-timedelta(minutes=2), "in 2 minutes"),
        (-timedelta(days=30), "in 4 weeks"),
        (-timedelta(days=31), "in 1 month"),
    ],
)
def test_the_largest_unit_is_said(before, words):
    assert in_words(NOW - before, NOW).replace("\N{NO-BREAK SPACE}", " ") == words


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)))
def test_past_and_to_come_mirror_each_other(moment):
    size = in_words(min(moment, NOW), max(moment, NOW)).removesuffix(" ago")
    assert in_words(max(moment, NOW), min(moment, NOW)).removeprefix("in ") == size
    assert size == "just now" or not size.startswith(("0", "-"))
