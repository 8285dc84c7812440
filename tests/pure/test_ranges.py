"""Ranges as npm reads them, for what has to be known of prereleases, too."""

from __future__ import annotations

import nodesemver
import pytest
from hypothesis import given
from hypothesis import strategies as some

from packages import ranges

NUMBERS = [f"{major}.{minor}.{patch}" for major in range(3) for minor in range(3) for patch in range(3)]
PARTS = ("{}", "^{}", "~{}", ">={}", "<{}", ">{}", "<={}", "={}", "{} - 2.1.0", ">={} <2.0.0", "*", "1.x", "~1", "<2.x")


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("<1.2.3", ["0.1.0", "1.0.0", "1.2.3-rc.1"]),
        (">=1.0.0 <1.5.0 || >=2.0.0 <2.3.1", ["1.0.0", "1.2.3-rc.1", "1.2.3", "2.3.0"]),
        ("<= 1.0.0", ["0.1.0", "1.0.0"]),
        ("1.2.3", ["1.2.3"]),
        ("*", ["0.1.0", "1.0.0", "1.2.3-rc.1", "1.2.3", "2.0.0-rc.1", "2.3.0"]),
        (">=0.0.0", ["0.1.0", "1.0.0", "1.2.3-rc.1", "1.2.3", "2.0.0-rc.1", "2.3.0"]),
        ("<0.0.0", []),
        ("nonsense", []),
        ("<" + "1" * 2000, []),
    ],
)
def test_versions_in_a_range(text, inside):
    numbers = ["0.1.0", "1.0.0", "1.2.3-rc.1", "1.2.3", "2.0.0-rc.1", "2.3.0", "no version"]
    assert ranges.inside(text, numbers) == inside


@pytest.mark.parametrize(
    ("text", "is_one"), [("<2", True), ("1.x", True), ("", False), ("latest", False), ("x y", False)]
)
def test_what_is_a_range(text, is_one):
    assert ranges.is_range(text) is is_one


def test_ascending():
    assert ranges.ascending(["1.10.0", "1.9.0", "1.10.0-rc.1"]) == ["1.9.0", "1.10.0-rc.1", "1.10.0"]


@given(some.lists(some.tuples(some.sampled_from(PARTS), some.sampled_from(NUMBERS)), min_size=1, max_size=4))
def test_finished_versions_are_inside_as_npm_says(parts):
    text = " || ".join(part.format(number) for part, number in parts)
    wanted = nodesemver.make_range(text, False)
    assert ranges.inside(text, NUMBERS) == [number for number in NUMBERS if wanted.test(number)]


@given(some.sampled_from(NUMBERS), some.sampled_from(["<", "<=", ">", ">="]))
def test_prereleases_are_inside_by_their_place(number, kind):
    before, after = f"{number}-rc.1", f"{number}-rc.2"
    assert bool(ranges.inside(f"{kind}{before}", [after])) == (kind in (">", ">="))
    assert bool(ranges.inside(f"{kind}{number}", [before])) == (kind in ("<", "<="))


@pytest.mark.parametrize("number", ["01.2.3", "1.2.3 ", "v1.2.3", "1.2", "", "1.2.3-", "1.2.3.4"])
def test_what_is_no_version_is_in_no_range(number):
    assert ranges.inside("*", [number]) == []


@pytest.mark.timeout(30)  # as it was when each number was compared with each bound: more than a minute
def test_g20_a_range_of_many_parts_costs_what_a_short_one_does():
    text = " || ".join(f"{part}.9.9" for part in range(100))
    numbers = [f"0.0.{number}" for number in range(100_000)] + ["7.9.9"]
    assert ranges.inside(text, numbers) == ["7.9.9"]
