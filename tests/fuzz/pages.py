"""What strangers write that pages show, and what they search for."""

from __future__ import annotations

import re
import sqlite3
from functools import cache
from html.parser import HTMLParser
from urllib.parse import unquote

from accounts.templatetags.pages import marked
from packages import badges, highlighting, readmes
from packages.lookup import matching
from packages.queries import Query
from tests.fuzz.harness import Harness, text_of

FILES = ("README.md", "docs/a b.md", "lib/x.js")
FOLDERS = ("docs", "lib")
ATTRIBUTES = set("href title id align start colspan rowspan open rel class tabindex".split())
ENDINGS = ("js", "html", "md", "py", "yml", "css", "sh", "ts", "xml", "toml")
SHOWN = re.compile(r'</?span(?: class="[a-z0-9]*")?>')


class _Seen(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def readme(data: bytes) -> bool:
    """Whatever is written, what comes of it is a few plain elements, whose links lead to the web or to our files."""
    html = readmes.linked(readmes.render(text_of(data), FILES), "/files/")
    for tag, attributes in _Seen(html).found:
        assert tag in readmes._TAGS, tag
        assert set(attributes) <= ATTRIBUTES, attributes
        assert (attributes.get("id") or readmes.ID_PREFIX).startswith(readmes.ID_PREFIX), attributes
        link = attributes.get("href")
        if link is not None and not re.match(r"(?:https?|mailto):", link, re.IGNORECASE):
            path = unquote(link.removeprefix("/files/"))
            assert link.startswith("#" + readmes.ID_PREFIX) or path in (*FILES, *FOLDERS), link
    return bool(html.strip())


def source(data: bytes) -> bool:
    """A file is shown letter by letter, in spans and nothing else; the first byte says what it is."""
    ending = ENDINGS[data[0] % len(ENDINGS)] if data else ENDINGS[0]
    found = highlighting.source(data[1:], f"x.{ending}")
    for line in found.lines if found else ():
        assert "<" not in SHOWN.sub("", line), line
    return found is not None


def search(data: bytes) -> bool:
    """No text that is searched for is a fault of SQLite's, and what is marked in results stays a text."""
    text = text_of(data)
    query = Query.parse(text)
    for word in (*query.words, *query.keywords, query.scope, query.maintainer):
        tokens, threes = matching._TOKEN.findall(word), matching._threes(word)
        for asked in (
            matching._phrases(tokens, " AND ") + "*" if tokens else "",
            matching._phrases(threes, " AND "),
            f"name : {matching._phrases(tokens[:1], '')}*" if tokens else "",
            f"name : ({matching._phrases(tokens, ' AND ')})" if tokens else "",
        ):
            if asked:
                _words().execute("SELECT count(*) FROM words WHERE words MATCH ?", [asked]).fetchone()
        matching._lexemes(tokens, "&", ":*")
    shown = marked(text, query.words)
    assert "<" not in shown.replace("<mark>", "").replace("</mark>", "")
    assert badges.badge(text, text).count("<text") == 2
    return bool(query.words)


@cache
def _words() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:", check_same_thread=False)
    database.execute("CREATE VIRTUAL TABLE words USING fts5(name, keywords)")
    return database


HARNESSES = (
    Harness(
        "readme",
        readme,
        (b"<script>", b"<a href=", b"javascript:", b"](", b"![", b"[x]: ", b"<", b">", b'"', b"'", b"&#106;", b"`",
         b"```js\n",
         b"\n", b"\n\n", b"- [x] ", b"> ", b"# ", b"|", b"|-|\n", b"<!--", b"-->", b"<![CDATA[", b"<math><mtext>",
         b"<svg>", b"\0",
         b"</p>", b"<table>", b" onclick=x ", b"\x01/", b"docs/a%20b.md", b"#x", b"\xe2\x80\xae", b"<noscript>",
         b"*", b"~~", b"\t"),
        (b"# Hi\n\n[a](docs/a%20b.md) <b>x</b> `y`\n\n```js\nlet x\n```\n", b"| a |\n|-|\n| 1 |\n\n- [x] done\n"),
    ),
    Harness(
        "source",
        source,
        (b"<", b">", b"&", b"/*", b"*/", b"//", b"\n", b"\r", b'"', b"'", b"`", b"${", b"</script>", b"\xe2\x80\xae",
         b"\xef\xbb\xbf",
         b"\t", b"\\", b"<!--", b"{{", b"#", b"\xf3\xa0\x84\x80", b"\0"),
        (b"\0let x = '<b>'; // hi\n", b"\1<p>&amp;</p>\n"),
    ),
    Harness(
        "search",
        search,
        (b"keywords:", b"scope:", b"author:", b"is:private", b'"', b"'", b"*", b"(", b")", b"-", b"^", b" ", b"AND",
         b"NEAR", b"name",
         b":", b",", b"\\", b"\0", b"\xc3\xa9", b"_", b"@acme", b"<b>", b"&"),
        (b"ledger keywords:money,csv scope:@acme", b"a-b_c.d"),
    ),
)  # fmt: skip
