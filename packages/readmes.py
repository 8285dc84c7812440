"""A readme as HTML that is safe to show in a page of ours (pure)."""

from __future__ import annotations

import posixpath
import re
import time
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from urllib.parse import quote, unquote

import nh3
from markdown_it import MarkdownIt
from pygments import format as formatted
from pygments.formatters.html import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES

from packages import markup
from packages.highlighting import LANGUAGES

MAX_RENDERED = 256 * 1024  # characters; a longer readme is cut there
MAX_HIGHLIGHTED = 20_000  # characters of one code block
SECONDS = 1.0  # for the colours of all code blocks of a readme; the rest stays plain
ID_PREFIX = "user-content-"
FILES_MARK = "\x01/"  # stands in stored HTML where the address of the version's files goes
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")  # controls that make text read other than it is
_TASK = re.compile(r"^([ \t]*(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)\[([ xX])\](?= )", re.MULTILINE)  # - [x] done
# What a code block may say it is in; for anything else there is no colour, and no parser that nobody here chose.
_MORE = {
    "console": "console shell shell-session sh-session",
    "docker": "docker dockerfile",
    "java": "java",
    "kotlin": "kotlin",
    "nginx": "nginx",
    "php": "php",
    "ruby": "ruby rb",
    "swift": "swift",
}
_LANGUAGES = {word: name for name, words in (LANGUAGES | _MORE).items() for word in (name, *words.split())}
_SLUG_DROP = re.compile(r"[^\w\- ]")
_TAGS = set(
    """a abbr b blockquote br code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i ins kbd li ol p pre q s samp
    small span strong sub summary sup table tbody td tfoot th thead tr ul var""".split()
)
_ATTRIBUTES = {
    "a": {"href", "title"},
    "abbr": {"title"},
    "ol": {"start"},
    "td": {"align", "colspan", "rowspan"},
    "th": {"align", "colspan", "rowspan"},
    "details": {"open"},
    **{f"h{level}": {"id", "align"} for level in range(1, 7)},
    "p": {"align"},
    "div": {"align"},
}
_CLASSES = {
    "span": {"highlight", *filter(None, STANDARD_TYPES.values())},
}


def render(text: str, files: Collection[str] = ()) -> str:
    """Markdown as sanitised HTML.

    files: paths of the package; links to them, and to their folders, lead to a mark that `linked` makes an address.

    Scripts, handlers, forms, styles, images and htmx attributes do not survive. Images become links, because a page
    of ours loads nothing from elsewhere. Ids begin with `user-content-`, and so do links to them.
    """
    source = _TASK.sub(_box, _BIDI.sub("", text[:MAX_RENDERED].replace(FILES_MARK, "")))
    known = {part for path in files for part in _with_folders(path)}
    return nh3.clean(
        markup.in_order(_markdown().render(source), _TAGS),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        allowed_classes=_CLASSES,
        attribute_filter=partial(_filter, known),
        set_tag_attribute_values={"pre": {"tabindex": "0"}},  # it scrolls, so the keyboard has to reach it
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow ugc",
    )


def _box(task: re.Match[str]) -> str:
    return task[1] + ("\u2610" if task[2] == " " else "\u2611")


def linked(html: str, address: str) -> str:
    """A rendered readme with its links to files of the package below an address of ours, which ends in a slash."""
    return html.replace(f'href="{FILES_MARK}', f'href="{address}')


def _with_folders(path: str) -> list[str]:
    return [path[:at] for at, letter in enumerate(path) if letter == "/"] + [path]


def _filter(files: set[str], tag: str, attribute: str, value: str) -> str | None:
    if attribute == "id":
        return value if value.startswith(ID_PREFIX) else ID_PREFIX + value
    if attribute == "href":
        if value.startswith("#"):
            return "#" + ID_PREFIX + value[1:].removeprefix(ID_PREFIX)
        if not re.match(r"(?:https?|mailto):", value, re.IGNORECASE):
            return _file_link(files, value)
    return value


def _file_link(files: set[str], link: str) -> str | None:
    # A path inside the author's repository leads nowhere here, unless the package brings that file along.
    path = unquote(link.partition("#")[0].partition("?")[0])
    if path.startswith("//") or "\\" in path:
        return None
    path = posixpath.normpath(path).lstrip("/")
    return FILES_MARK + quote(path) if path in files else None


def _markdown() -> MarkdownIt:
    # A parser of its own for each text: parsers keep no state between texts, but they are cheap and this is plain.
    until = time.monotonic() + SECONDS
    markdown = MarkdownIt("commonmark", {"html": True, "highlight": partial(_highlight, until)})
    markdown.enable(["table", "strikethrough"])
    markdown.add_render_rule("image", _image)
    markdown.add_render_rule("heading_open", _heading)
    return markdown


class _TooLong(Exception):
    """There was no time left for all colours."""


def _highlight(until: float, code: str, language: str, _attributes: str) -> str:
    name = _LANGUAGES.get(language.lower())
    if name is None or len(code) > MAX_HIGHLIGHTED:
        return ""
    words = get_lexer_by_name(name).get_tokens(code)
    try:
        coloured = formatted(_while_there_is_time(words, until), HtmlFormatter(nowrap=True))
    except _TooLong:
        return ""
    return f'<pre><code><span class="highlight">{coloured}</span></code></pre>'


def _while_there_is_time(words: Iterable, until: float) -> Iterator:
    for word in words:
        if time.monotonic() > until:
            raise _TooLong
        yield word


def _image(self, tokens, index, options, env) -> str:
    token = tokens[index]
    label = self.renderInlineAsText(token.children or [], options, env) or "image"
    return f'<a href="{nh3.clean_text(token.attrGet("src") or "")}">{nh3.clean_text(label)}</a>'


def _heading(self, tokens, index, options, env) -> str:
    slug = _SLUG_DROP.sub("", tokens[index + 1].content.lower()).replace(" ", "-")[:80]
    seen = env.setdefault("slugs", {})
    seen[slug] = seen.get(slug, -1) + 1
    tokens[index].attrSet("id", f"{slug}-{seen[slug]}" if seen[slug] else slug)
    return self.renderToken(tokens, index, options, env)
