"""Files as lines for a page: coloured, safe, and every line of the file on a line of its own."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packages import highlighting

TAG = re.compile(r'<span class="[a-z0-9]*">|</span>')
PIECES = [
    "a",
    "\n",
    "\r\n",
    "\t",
    "`",
    "'",
    '"',
    "/*",
    "*/",
    "//",
    "<",
    ">",
    "&",
    "${",
    "}",
    "\u202e",
    "\ufe0f",
    "ü",
    "\x0b",
    "\u2028",
]


def plain(lines) -> list[str]:
    return [html.unescape(TAG.sub("", line)) for line in lines]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES)).map("".join),
    st.sampled_from(["js", "ts", "json", "css", "html", "sh", "py", "yml", "md", "txt"]),
)
def test_no_line_is_lost_and_nothing_but_spans_is_added(text, ending):
    shown = highlighting.source(text.encode(), f"x.{ending}")
    for line in shown.lines:
        assert "<" not in TAG.sub("", line)
        assert line.count("<span") == line.count("</span>")
    expected = [highlighting.diffs.visible(line.removesuffix("\r")) for line in text.removesuffix("\n").split("\n")]
    assert plain(shown.lines) == (expected if text else [])


@pytest.mark.parametrize("data", [b"\0", b"\xff\xfe", b"\x89PNG\r\n\x1a\n\0"])
def test_bytes_are_no_text(data):
    assert highlighting.source(data, "x.js") is None


def test_what_a_program_wrote_in_one_line_and_what_is_long_stays_plain():
    for text in ("a" * (highlighting.MAX_COLOURED_LINE + 1), "let a = 1\n" * 7000):
        shown = highlighting.source(text.encode(), "x.js")
        assert shown.language == ""
        assert "<span" not in shown.lines[0]


def test_a_file_of_many_lines_says_how_many_are_not_there():
    shown = highlighting.source(b"\n" * (highlighting.MAX_LINES + 5), "x.js")
    assert (len(shown.lines), shown.more) == (highlighting.MAX_LINES, 5)


def test_colouring_ends_when_its_time_is_over(monkeypatch):
    monkeypatch.setattr(highlighting, "SECONDS", -1.0)
    shown = highlighting.source(b"let a = 1\nlet <b>\n", "x.js")
    assert plain(shown.lines) == ["let a = 1", "let <b>"]
