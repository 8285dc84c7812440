"""One pass over a body in pieces: the tarball inside goes to a sink, all else becomes a small JSON skeleton.

The scanner knows strings and brackets only. The grammar is checked when the skeleton is parsed, in which the tarball's
string is an empty one; so the whole body is valid exactly when the skeleton and the base64 are.
"""

from __future__ import annotations

import json
import re
from typing import Protocol

from registry_site.errors import Invalid, Malformed, TooLarge
from registry_site.strictjson import MAX_DEPTH, MAX_KEY, require_few_nodes, size

MAX_PATH_KEYS = 10_000

# Possessive throughout: no backtracking, so no input is slow.
_GAP = re.compile(rb'[^"{}\[\]]*+')
_IN_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_OFF_PATH = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)

_QUOTE, _OPEN = ord('"'), frozenset(b"{[")


class Sink(Protocol):
    def write(self, base64_text: bytes) -> None: ...
    def close(self) -> None: ...


class _Nowhere:
    def write(self, base64_text: bytes) -> None: ...
    def close(self) -> None: ...


class Scanner:
    """Feed it the body, then `close` it and read `skeleton`.

    limit: bytes of skeleton before any tarball was seen; limit_with_tarball: after.
    sink: takes the base64 text of `_attachments.<key ending in .tgz>.data`; without one nothing is diverted.
    `tarball_key` is that key, or None when there was no tarball.
    """

    def __init__(self, *, limit: int, limit_with_tarball: int = 0, sink: Sink | None = None) -> None:
        self.skeleton = bytearray()
        self.tarball_key: str | None = None
        self._limit = limit
        self._limit_with_tarball = limit_with_tarball
        self._diverts = sink is not None
        self._sink = sink or _Nowhere()
        self._step = self._between
        self._tail = b""
        self._depth = 0
        # How many of the open brackets lead to a tarball: the document, `_attachments`, `NAME.tgz`. Keys matter
        # only there; everywhere else whole runs of text are passed over at once.
        self._matched = 0
        self._string = b""
        self._path_keys = 0
        self._key: str | None = None
        self._attachment = ""
        self._nodes = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next piece. Raises Malformed (too deep, a key twice), Invalid (two tarballs), TooLarge."""
        data, self._tail = self._tail + chunk, b""
        known, at = len(self.skeleton), 0
        while at < len(data):
            at = self._step(data, at)
        self._nodes = require_few_nodes(self._nodes, self.skeleton, known, limit=self._limit)

    def close(self) -> None:
        """Raises Malformed when the body ended inside a string."""
        if self._step != self._between:
            raise Malformed("the body ends in the middle of a text", code="not_json")

    def _between(self, data: bytes, at: int) -> int:
        on_path = self._depth == self._matched
        end = self._to_key(data, at) if on_path else self._pass_over(data, at)
        if end == len(data):
            return end
        if data[end] == _QUOTE:
            self._enter_string()
        else:
            self._bracket(data[end])
        return end + 1

    def _to_key(self, data: bytes, at: int) -> int:
        end = _end(_GAP, data, at)
        gap = data[at:end]
        self._keep(gap)
        self._note_key(gap)
        return end

    def _pass_over(self, data: bytes, at: int) -> int:
        start, end, depth = at, _end(_OFF_PATH, data, at), self._depth
        while end < len(data) and (byte := data[end]) != _QUOTE:
            if byte in _OPEN and depth < MAX_DEPTH:
                depth += 1
            elif byte not in _OPEN and depth > self._matched + 1:
                depth -= 1
            else:
                break  # too deep, or back on the path: `_bracket` knows what to do
            end = _end(_OFF_PATH, data, end + 1)
        self._depth = depth
        self._keep(data[start:end])
        return end

    def _note_key(self, gap: bytes) -> None:
        # In valid JSON a colon follows a key and a comma a value, so the later of the two tells what comes next.
        colon, comma = gap.rfind(b":"), gap.rfind(b",")
        self._path_keys += colon >= 0
        if self._path_keys > MAX_PATH_KEYS:
            raise TooLarge("the document has too many keys", code="too_many_values")
        if colon > comma:
            self._key = _text_of(self._string)
        elif comma >= 0:
            self._key = None

    def _bracket(self, byte: int) -> None:
        self._keep(bytes((byte,)))
        if byte not in _OPEN:
            self._depth -= 1
            self._matched = min(self._matched, max(self._depth, 0))
            return
        if byte == ord("{") and self._leads_to_tarball():
            self._matched += 1
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Malformed(f"the document is nested more than {MAX_DEPTH} levels deep", code="too_deep")
        self._key = None

    def _leads_to_tarball(self) -> bool:
        if self._depth != self._matched or not self._diverts:
            return False
        if self._depth == 2 and self._key and self._key.endswith(".tgz"):
            self._attachment = self._key
            return True
        return self._depth == 0 or (self._depth == 1 and self._key == "_attachments")

    def _enter_string(self) -> None:
        if self._depth == self._matched == 3 and self._key == "data":
            self._enter_tarball()
            return
        self._keep(b'"')
        self._string = b""
        self._step = self._in_string

    def _in_string(self, data: bytes, at: int) -> int:
        end = _end(_IN_STRING, data, at)
        part = data[at:end]
        self._keep(part)
        if self._depth == self._matched and len(self._string) <= MAX_KEY:
            self._string += part[: MAX_KEY + 1]
        if end == len(data):
            return end
        if data[end] != _QUOTE:
            # A lone backslash at the end of the piece: its other half comes with the next.
            self._tail = data[end:]
            return len(data)
        self._keep(b'"')
        self._step = self._between
        return end + 1

    def _enter_tarball(self) -> None:
        if self.tarball_key == self._attachment:
            raise Malformed("the document names a key twice", code="duplicate_key")
        if self.tarball_key is not None:
            raise Invalid("a publish carries one tarball, this one carries more", code="attachments")
        self.tarball_key = self._attachment
        self._limit = self._limit_with_tarball
        self._keep(b'""')
        self._step = self._in_tarball

    def _in_tarball(self, data: bytes, at: int) -> int:
        end = data.find(b'"', at)
        if end < 0:
            self._sink.write(data[at:])
            return len(data)
        self._sink.write(data[at:end])
        self._sink.close()
        self._step = self._between
        return end + 1

    def _keep(self, part: bytes) -> None:
        self.skeleton += part
        if len(self.skeleton) > self._limit:
            raise TooLarge(
                f"the document is over {size(self._limit)}, the tarball not counted", code="document_too_large"
            )


def _end(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    match = pattern.match(data, at)
    return match.end() if match else at  # each of them matches nothing, too


def _text_of(string: bytes) -> str | None:
    if len(string) > MAX_KEY:
        return None
    try:
        return json.loads(b'"' + string + b'"')
    except ValueError:
        return None
