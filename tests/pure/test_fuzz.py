"""Every parser of ours, asked about bytes of strangers: a few hundred here, the rest with `make fuzz`."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.every import EVERY
from tests.fuzz.harness import Harness
from tests.pure import payloads

EXAMPLES = 60


def inputs(harness: Harness) -> st.SearchStrategy[bytes]:
    """Words put together, and good inputs that something happened to."""
    words = st.lists(st.one_of(st.sampled_from(harness.words), st.binary(max_size=6)), max_size=14).map(b"".join)
    if not harness.seeds:
        return words
    places = st.integers(0, 1 << 16)
    return st.one_of(words, st.builds(_changed, st.sampled_from(harness.seeds), words, places, st.integers(0, 20)))


def _changed(seed: bytes, news: bytes, place: int, gone: int) -> bytes:
    at = place % (len(seed) + 1)
    return seed[:at] + news + seed[at + gone :]


@pytest.mark.parametrize("name", EVERY)
def test_nothing_but_a_refusal_comes_of_anything(name):
    @settings(max_examples=EXAMPLES)
    @given(inputs(EVERY[name]))
    def ask(data: bytes) -> None:
        EVERY[name].run(data)

    ask()


@pytest.mark.parametrize("name", [name for name, each in EVERY.items() if each.seeds])
def test_what_is_good_is_taken(name):
    for seed in EVERY[name].seeds:
        assert EVERY[name].run(seed), seed


def packument(**more: Any) -> bytes:
    return json.dumps(json.loads(EVERY["packument"].seeds[0]) | more).encode()


def odd_header() -> bytes:
    block = bytearray(payloads.header("package/lib/x.js"))
    block[257:265], block[345:354] = bytes(8), b"elsewhere"
    return payloads.PACKAGE_JSON + bytes(block) + bytes(1024)


# What fuzzers, or people who thought like one, found once.
FOUND = {
    "the first part of a path where there is none": ("tarball", odd_header()),
    "a size behind a NUL, where npm reads none": (
        "tarball", payloads.header("package/package.json", size_field=b"\0000000000046") + bytes(1024)
    ),
    "an entry is a folder by its own name and a file by the one before it": (
        "tarball", payloads.PACKAGE_JSON + payloads.pax(path="package/x") + payloads.header("./", kind=b"\0")
    ),
    "a repository at a port that is an address": ("link", b"https://h:ost.ex[::1]ta/b"),
    "an address without a port that is one": ("link", b"http://host.example:0"),
    "a link with a NUL in it": ("link", b"http://ho:40?0\0git@"),
    "a readme of empty lines took an hour": ("readme", b"\n" * 300_000),
    "a readme of 30 kB became 80 MB": (
        "readme", b"".join(b"<b title=%d>" % n for n in range(2000)) + b"<p>x" * 2000
    ),
    "an element in each other took a minute": ("readme", b"<div>" * 50_000),
    "a list of nothing took an hour": ("readme", b"-" + b" " * 300_000),
    "a text without an end took hours": ("lockfile", b'\4"' + b'\\"' * 200_000 + b"\\"),
    "each star made a pattern take longer": ("config", b"packages:\n  'a*a*a*a*a*a*a*a*b': {access: $all}\n"),
    "a packument was nested deeper than it could be written": (
        "packument", packument(keywords=json.loads("[" * 400 + "]" * 400))
    ),
    "a version is from before the first year": ("packument", packument(time={"1.0.0": "0001-01-01T00:00:00+23:59"})),
    "a version is from after the last year": ("packument", packument(time={"1.0.0": "9999-12-31T23:59:59-23:59"})),
    "an identity is from a year without a number": (
        "identity", b'{"iss":"https://issuer.example","aud":"here","jti":"x","iat":549755813888,"exp":549755813900}'
    ),
    "a key of the directory is no text": ("company", EVERY["company"].seeds[0].replace(b"7d0e", b"\xff\xfe\xff\xfe")),
}  # fmt: skip


@pytest.mark.parametrize(("name", "data"), FOUND.values(), ids=FOUND)
def test_what_was_found_once_is_not_found_again(name, data):
    EVERY[name].run(data)


def test_an_identity_token_is_read_as_far_as_its_signature():
    signed = ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (b'{"alg":"RS256"}', b"[]", b"x")
    )
    assert EVERY["identity"].run(signed.encode()) is False
