"""The small JSON bodies of registry requests, read strictly and within a limit."""

from __future__ import annotations

import zlib
from typing import Any

from accounts.endpoint import content_length
from registry_site import strictjson
from registry_site.errors import Malformed, TooLarge, UnsupportedEncoding

LIMIT = 1 << 20
_GZIP = 16 + zlib.MAX_WBITS


def read_json(request, limit: int = LIMIT) -> Any:
    """The JSON value a client sent, plain or in gzip, as npm and bun send what they ask `npm audit` about.

    limit: bytes, unpacked. Raises TooLarge, UnsupportedEncoding for another compression, Malformed for anything but
    JSON, Invalid for NUL characters and lone surrogates, which no database keeps.
    """
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", "gzip"):
        raise UnsupportedEncoding("send the body plain or in gzip")
    length = content_length(request)
    if length > limit:
        raise _too_large(limit)
    data = request.read(length)
    return strictjson.read(_unpacked(data, limit) if encoding == "gzip" else data, limit=limit)


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


def _unpacked(data: bytes, limit: int) -> bytes:
    stream = zlib.decompressobj(_GZIP)
    try:
        plain = stream.decompress(data, limit + 1)
    except zlib.error:
        raise Malformed("the body is not gzip") from None
    if len(plain) > limit:
        raise _too_large(limit)
    if not stream.eof or stream.unused_data:
        raise Malformed("the body is not one whole gzip stream")
    return plain


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is over {strictjson.size(limit)}")
