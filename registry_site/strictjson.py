"""JSON as every parser reads it: whatever two parsers could read differently is refused."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from registry_site.errors import Invalid, Malformed, TooLarge

MEGABYTE = 2**20
MAX_DEPTH = 64
MAX_KEY = 1024
# A value costs Python some ten times its text, so a document of many tiny values is refused by number, not by size.
BYTES_PER_NODE = 16
MIN_NODES = 10_000

_MAX_SAFE_DIGITS = 15
_NODE_MARKS = (b":", b",", b"{", b"[")
# The escapes that can make a NUL or half of a surrogate pair.
_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
SURROGATE = re.compile("[\ud800-\udfff]")


def require_few_nodes(known: int, data: bytes | bytearray, start: int, *, limit: int) -> int:
    """How many values there are in `data`, at most, of which `known` were counted before `start`.

    limit: how many bytes the route reads. Raises TooLarge for more values than a real document of that size has.
    """
    nodes = known + sum(data.count(mark, start) for mark in _NODE_MARKS)
    if nodes > max(MIN_NODES, limit // BYTES_PER_NODE):
        raise TooLarge("the document has too many values", code="too_many_values")
    return nodes


def loads(data: bytes | bytearray, *, edit: bool = False) -> Any:
    """Parse strict JSON whose depth and number of values were checked while scanning.

    edit: reduce every manifest inside to what an edit of a whole document may change, which keeps memory small.
    Raises Malformed (not JSON, not UTF-8, NaN, a key twice), Invalid (NUL or half a character in a text).
    """
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise Malformed("the document is not UTF-8", code="not_utf8") from None
    value = _parse(text, _edited_object if edit else _object)
    if _SUSPECT.search(data) and any("\0" in part or SURROGATE.search(part) for part in texts(value)):
        raise Invalid("a text holds a NUL or half of a character", code="bad_text")
    return value


def read(data: bytes, *, limit: int) -> Any:
    """Strict JSON out of bytes at hand.

    limit: bytes. Raises TooLarge, Malformed (also for too deep), Invalid as `loads`.
    """
    if len(data) > limit:
        raise TooLarge(f"the document is over {size(limit)}", code="document_too_large")
    require_few_nodes(0, bytearray(data), 0, limit=limit)
    value = loads(data)
    if _is_deep(value):
        raise Malformed(f"the document is nested more than {MAX_DEPTH} levels deep", code="too_deep")
    return value


def size(count: int) -> str:
    """A number of bytes in words."""
    return f"{count // MEGABYTE} MB" if count >= MEGABYTE else f"{count // 1024} kB"


def texts(value: Any) -> Iterator[str]:
    """Every string inside a JSON value, keys too."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict):
            waiting.extend(part)
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            part
            for each in level
            if isinstance(each, dict | list)
            for part in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True


def _parse(text: str, on_object: Any) -> Any:
    try:
        return json.loads(
            text, object_pairs_hook=on_object, parse_int=_integer, parse_float=_finite, parse_constant=_no_constant
        )
    except (ValueError, RecursionError):
        raise Malformed("the document is not JSON", code="not_json") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        # Python and JavaScript keep the last of two equal keys, other parsers the first.
        raise Malformed("the document names a key twice", code="duplicate_key")
    return result


def _edited_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = _object(pairs)
    if "dist" in result and "version" in result:
        return {key: result[key] for key in ("name", "version", "deprecated") if key in result}
    return result


def _integer(text: str) -> int | float:
    # As JavaScript reads it; an integer of any length would not fit what writes our answers.
    return int(text) if len(text) <= _MAX_SAFE_DIGITS else _finite(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _no_constant(text: str) -> None:
    raise ValueError(text)
