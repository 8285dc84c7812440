"""The small JSON bodies of registry requests, read strictly and within a limit."""

from __future__ import annotations

import json
from typing import Any

from accounts.endpoint import content_length
from registry_site.errors import Invalid, Malformed, TooLarge, UnsupportedEncoding

LIMIT = 1 << 20


def read_json(request, limit: int = LIMIT) -> Any:
    """The JSON value a client sent.

    limit: bytes. Raises TooLarge, UnsupportedEncoding for a compressed body, Malformed for anything but JSON,
    Invalid for NUL characters and lone surrogates, which no database keeps.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedEncoding("send the body without compression")
    length = content_length(request)
    if length > limit:
        raise TooLarge(f"the body is over {limit // 1024} kB")
    try:
        text = request.read(length).decode("utf-8")
        value = json.loads(text, parse_constant=_refuse, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise Malformed("the body is not JSON") from error
    if "\\u" in text or "\0" in text:
        _check(value)
    return value


def read_object(request, limit: int = LIMIT) -> dict[str, Any]:
    """A JSON object. Raises as `read_json`, and Malformed for any other value."""
    value = read_json(request, limit)
    if not isinstance(value, dict):
        raise Malformed("the body is not a JSON object")
    return value


def text_field(body: dict[str, Any], name: str, default: str | None = None) -> str:
    """A string in an object, `default` when it is absent or null. Raises Malformed."""
    value = body.get(name)
    value = default if value is None else value
    if not isinstance(value, str):
        raise Malformed(f"the body lacks {name}")
    return value


def _check(value: Any) -> None:
    try:
        whole = json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise Invalid("the body has half a surrogate pair") from error
    if b"\\u0000" in whole:
        raise Invalid("the body has a NUL character")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice, and parsers differ in which one they believe")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
