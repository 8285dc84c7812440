"""A file as lines that a page can show: coloured by what they are, with everything in them visible (pure)."""

from __future__ import annotations

import posixpath
import time
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES, _TokenType

from packages import diffs

MAX_SHOWN = 512 * 1024  # bytes of a file that a page shows
MAX_LINES = 10_000
MAX_COLOURED = 64 * 1024  # characters; a longer file is shown plain
MAX_COLOURED_LINE = 2_000  # characters; what a program wrote in one line is shown plain
SECONDS = 0.5  # after which the rest of a file stays plain

LANGUAGES = {
    "bash": "sh bash zsh",
    "c": "c h",
    "cpp": "cc cpp cxx hh hpp",
    "css": "css",
    "diff": "diff patch",
    "go": "go",
    "graphql": "graphql gql",
    "html": "html htm vue svelte",
    "ini": "ini cfg npmrc editorconfig gitattributes",
    "javascript": "js cjs mjs jsx",
    "json": "json map jsonc json5 babelrc eslintrc prettierrc",
    "less": "less",
    "make": "mk gyp makefile",
    "markdown": "md markdown mdx",
    "python": "py gypi",
    "rust": "rs",
    "scss": "scss sass",
    "sql": "sql",
    "toml": "toml",
    "typescript": "ts cts mts tsx",
    "xml": "xml svg plist xsd",
    "yaml": "yml yaml",
}
_BY_ENDING = {ending: language for language, endings in LANGUAGES.items() for ending in endings.split()}


@dataclass(frozen=True)
class Source:
    """A text, line by line, safe for a page. more: how many lines are not shown."""

    lines: list[SafeString]
    language: str = ""
    more: int = 0


def source(data: bytes, path: str) -> Source | None:
    """The lines of a file, None when it is no text.

    data: at most MAX_SHOWN bytes. path: its ending says the language.
    A character that draws nothing, or that turns the direction of what follows, stands there as its number.
    """
    lines = diffs.text_lines(data)
    if lines is None:
        return None
    shown = [diffs.visible(line.removesuffix("\r")) for line in lines[:MAX_LINES]]
    language = _BY_ENDING.get(posixpath.basename(path).lower().rpartition(".")[2], "")
    text = "\n".join(shown)
    plain = not text or not language or len(text) > MAX_COLOURED or any(len(line) > MAX_COLOURED_LINE for line in shown)
    coloured = [format_html("{}", line) for line in shown] if plain else _coloured(text, language)
    return Source(coloured, "" if plain else language, len(lines) - len(shown))


def _coloured(text: str, language: str) -> list[SafeString]:
    lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    lines: list[list[tuple[str, str]]] = [[]]
    for word, piece in _pieces(text, lexer):
        for nth, part in enumerate(piece.split("\n")):
            if nth:
                lines.append([])
            if part:
                lines[-1].append((word, part))
    return [format_html_join("", '<span class="{}">{}</span>', pairs) for pairs in lines]


def _pieces(text: str, lexer: Lexer):
    end, at = time.monotonic() + SECONDS, 0
    for start, kind, piece in lexer.get_tokens_unprocessed(text):
        yield _css(kind), piece
        at = start + len(piece)
        if time.monotonic() > end:
            yield "", text[at:]
            return


def _css(kind: _TokenType) -> str:
    while kind not in STANDARD_TYPES and kind.parent:
        kind = kind.parent
    return STANDARD_TYPES.get(kind, "")
