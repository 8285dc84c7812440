"""What a fuzzer needs to know of one parser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Harness:
    """One parser of ours, asked about bytes that nobody vouches for.

    run: raises where the product is wrong, and only there; gives whether the parser took the input.
    words: what inputs are made of. seeds: inputs that are taken. more: other files whose code is to be explored.
    """

    name: str
    run: Callable[[bytes], bool]
    words: tuple[bytes, ...]
    seeds: tuple[bytes, ...]


def text_of(data: bytes) -> str:
    """Bytes as a text of any kind: half characters of JSON's escapes are not in it, all else may be."""
    return data.decode(errors="replace")


JSON_WORDS = tuple(
    b'{ } [ ] : , " \\ \\u0000 \\ud800 \\u0001 true null 1e999 -0 1.5 123456789012345678901 "a" __proto__'.split()
)
