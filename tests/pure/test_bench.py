"""What the benchmark says of its figures, and that what it measures with is like the real thing."""

from __future__ import annotations

import gzip
import json
from collections import Counter

import pytest

from tests.bench import realistic, report
from tests.bench.downloading import Tally
from tests.bench.report import Bar, Figure, Section


def test_a_figure_is_its_median_and_how_far_the_rounds_lie_apart():
    figure = Figure((0.003, 0.001, 0.002))
    assert (figure.median, figure.spread) == pytest.approx((0.002, 0.002))
    assert figure.shown(1000, 1) == "2.0 (2.0)"


@pytest.mark.parametrize(
    ("ours", "other", "said"),
    [(1, 4, "1/4.0"), (4, 1, "4.00"), (2, 2, "1.00"), (0, 3, "0.00"), (1, 0, "-"), (None, 1, "-")],
)
def test_a_ratio_reads_as_a_fraction_where_ours_is_less(ours, other, said):
    assert report.ratio(ours, other) == said


@pytest.mark.parametrize(
    ("value", "limit", "said"),
    [
        (0.5, 0.7, "met"),
        (0.7, 0.7, "met"),
        (1.4, 0.7, "**missed**, 2.00 times the bar"),
        (3, 0, "**missed**"),
        (0, 0, "met"),
        (None, 1, "not measured"),
        (1, None, "not measured"),
    ],
)
def test_a_bar_says_whether_it_is_met(value, limit, said):
    assert Bar("something", value, limit).words[3] == said


def test_a_bar_shows_its_limit_and_what_was_found_with_the_unit():
    assert Bar("search", 12.34567, 50, "ms").words[:3] == ("search", "50 ms", "12.3 ms")


def test_a_chapter_is_a_table_with_its_notes():
    section = Section("Pages", "What they cost.", ("", "ms"), [("home", "3")], ["A note."])
    assert list(section.lines()) == [
        "## Pages", "", "What they cost.", "", "|  | ms |", "|---|---:|", "| home | 3 |", "", "A note.", ""
    ]  # fmt: skip


def test_the_report_has_all_bars_first_and_every_chapter():
    sections = [Section("One", "a", bars=[Bar("x", 1, 2)]), Section("Two", "b", bars=[Bar("y", 3, 2)])]
    text = report.text(["2 cores"], sections)
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## The bars", "## One", "## Two"]
    assert "- 2 cores" in text
    assert "| x | 2 | 1 | met |" in text
    assert "| y | 2 | 3 | **missed**, 1.50 times the bar |" in text


def test_a_new_run_keeps_what_was_written_by_hand(tmp_path):
    page = tmp_path / "benchmarks.md"
    page.write_text(f"# How fast\n\n{report.BEGIN}\n\nold\n\n{report.END}\n\n## What was learnt\n\nMuch.\n")
    report.write("new", page)
    report.write("newer", page)
    assert page.read_text() == (
        f"# How fast\n\n{report.BEGIN}\n\nnewer\n\n{report.END}\n\n## What was learnt\n\nMuch.\n"
    )


def test_the_page_has_the_marks_that_a_run_writes_between():
    text = report.PAGE.read_text()
    assert text.count(report.BEGIN) == text.count(report.END) == 1
    assert text.index(report.BEGIN) < text.index(report.END) < text.index("## What was learnt")


def test_versions_are_as_large_as_real_ones_and_none_is_like_the_next():
    made = [realistic.manifest("x", place) | {"dist": realistic.dist("x", place)} for place in range(100)]
    sizes = [len(json.dumps(each, separators=(",", ":"))) for each in made]
    assert min(sizes) > 2_000
    assert max(sizes) < 4_500
    assert len({json.dumps(each["dependencies"]) for each in made}) > 90
    packed = len(gzip.compress(json.dumps(made).encode()))
    assert sum(sizes) / packed < 15  # those of real packages pack to a twelfth or so


def test_a_version_is_the_same_in_each_run():
    assert realistic.manifest("x", 7) == realistic.manifest("x", 7)
    assert realistic.dist("x", 7) == realistic.dist("x", 7)


def test_numbers_and_moments_grow_with_the_place():
    places = range(0, 10_000, 7)
    numbers = [tuple(map(int, realistic.number(place).split("."))) for place in places]
    assert numbers == sorted(set(numbers))
    moments = [realistic.moment(place, 10_000) for place in places]
    assert moments == sorted(moments)


def test_what_came_of_two_installs_adds_up():
    one, other = Tally(3, 100, 1, Counter({"status 500": 1})), Tally(2, 50, 0, Counter({"status 500": 2}))
    assert one + other == Tally(5, 150, 1, Counter({"status 500": 3}))
