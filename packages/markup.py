"""HTML of strangers put in order, before it is sanitised: what is opened is closed, and nothing is deep (pure).

A browser's parser, and that of nh3 is one, repairs what is not closed: a thousand <b> without an end are opened anew
in each of the thousand paragraphs behind them, a million in all. What is in order it only reads.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

MOST_DEEP = 100
MOST_TAG = 4_000  # characters
EMPTY = frozenset({"br", "hr"})
UNREAD = frozenset({"script", "style"})  # with all that is in them
_PHRASES = frozenset("a abbr b br code del dfn em i ins kbd q s samp small span strong sub sup var".split())
_CELLS = frozenset({"td", "th"})
_PARTS = frozenset({"thead", "tbody", "tfoot"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
# What ends by itself where another one begins, unless one of the second kind was opened since.
_ENDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "a": (frozenset({"a"}), frozenset({"table", "td", "th"})),
    "li": (frozenset({"li"}), frozenset({"ul", "ol"})),
    **dict.fromkeys(("dt", "dd"), (frozenset({"dt", "dd"}), frozenset({"dl"}))),
    **dict.fromkeys(_CELLS, (_CELLS, frozenset({"table"}))),
    "tr": (_CELLS | {"tr"}, frozenset({"table"})),
    **dict.fromkeys(_PARTS, (_CELLS | {"tr"} | _PARTS, frozenset({"table"}))),
    **dict.fromkeys(_HEADINGS, (_HEADINGS, frozenset({"table", "td", "th", "div", "li", "blockquote", "details"}))),
}
_PARAGRAPH = frozenset({"p"})
_AROUND = frozenset({"table", "td", "th"})
_SPACE = "[ \\t\\n\\r\\f]"
# What every reader takes for a tag, and no < is in any part of it: each letter is read once, whatever is not closed.
_ATTRIBUTE = (
    rf"""{_SPACE}++[a-zA-Z_:@][\w.:@-]*+(?:{_SPACE}*+={_SPACE}*+(?:[^ \t\n\r\f"'<>]++|"[^"<]*+"|'[^'<]*+'))?+"""
)
_TAG = re.compile(
    rf"<(?:(?P<name>[a-zA-Z][a-zA-Z0-9]*+)(?:{_ATTRIBUTE})*+{_SPACE}*+/?+>|/(?P<end>[a-zA-Z][a-zA-Z0-9]*+){_SPACE}*+>"
    r"|!--|[!?][^<>]*+>)?+",
    re.ASCII,
)
_UNREAD_ENDS = re.compile("</(?:script|style)", re.IGNORECASE)


def in_order(html: str, allowed: Collection[str]) -> str:
    """The same text with those elements that are allowed, each closed before the one around it is.

    allowed: names of elements in lower case; the tags of others are left out, and their texts stay. Whatever is nested
    more than MOST_DEEP levels deep loses its tags, too. What it gives has to be sanitised.
    """
    return "".join(_pieces(html, allowed))


def _pieces(html: str, allowed: Collection[str]) -> Iterator[str]:
    open_: list[str] = []
    at = 0
    while (match := _TAG.search(html, at)) is not None:
        yield html[at : match.start()]
        at, tag = match.end(), match[0]
        name, end = (match["name"] or "").lower(), (match["end"] or "").lower()
        if tag == "<":
            yield "&lt;"
        elif tag == "<!--":
            at = _after(html.find("-->", at), 3, html)
        elif name in UNREAD:
            found = _UNREAD_ENDS.search(html, at)
            at = _after(found.start() if found else -1, 0, html)
        elif end:
            yield from _closed(open_, end)
        elif name in EMPTY:
            yield tag
        elif name in allowed and len(tag) <= MOST_TAG:
            yield from _ended(open_, name)
            if len(open_) < MOST_DEEP:
                open_.append(name)
                yield tag
    yield html[at:]
    yield from (f"</{each}>" for each in reversed(open_))


def _after(found: int, length: int, html: str) -> int:
    return found + length if found >= 0 else len(html)


def _closed(open_: list[str], name: str) -> Iterator[str]:
    if name in open_:
        while (last := open_.pop()) != name:
            yield f"</{last}>"
        yield f"</{name}>"


def _ended(open_: list[str], name: str) -> Iterator[str]:
    ends, around = _ENDS.get(name, (frozenset(), frozenset()))
    for these, stop in ((ends, around), (_PARAGRAPH if name not in _PHRASES else frozenset(), _AROUND)):
        depth = len(open_)
        for place in range(depth - 1, -1, -1):
            if open_[place] in stop:
                break
            if open_[place] in these:
                depth = place
        while len(open_) > depth:
            yield f"</{open_.pop()}>"
