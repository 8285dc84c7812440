"""Ranges as npm reads them, for what has to be known of prereleases, too."""

from __future__ import annotations

import pytest

from packages import ranges


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
