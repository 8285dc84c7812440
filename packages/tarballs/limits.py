"""How much one tarball may ask of us, and the words in which it is refused."""

from __future__ import annotations

from dataclasses import dataclass

from registry_site.errors import Invalid

MEGABYTE = 2**20


@dataclass(frozen=True)
class Limits:
    """Bytes, unless said otherwise.

    ratio: unpacked to packed size, asked only once `ratio_from` bytes came out: small text packs very well.
    paths: of all names together, which are what grows in memory.
    metadata: of one pax header or one long name.
    readme: kept; the rest of a longer one is not refused.
    """

    entries: int = 50_000  # entries, headers of headers included
    unpacked: int = 2**30
    ratio: int = 200
    ratio_from: int = 8 * MEGABYTE
    path: int = 4096
    segment: int = 255
    paths: int = 8 * MEGABYTE
    metadata: int = 64 * 1024
    package_json: int = MEGABYTE
    readme: int = MEGABYTE


def refusal(message: str, code: str) -> Invalid:
    return Invalid(f"the tarball cannot be published: {message}", code=code)
