"""Gzip in fragments: any reader of gzip gets the bytes back, and the worked-out checksum is the checksum."""

from __future__ import annotations

import gzip
import subprocess
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packages.packuments import deflating

unhurried = settings(max_examples=60, deadline=None, derandomize=True)
chunks = st.lists(st.binary(max_size=300), max_size=6)
texts = st.one_of(
    st.binary(max_size=2000), st.builds(lambda one, times: one * times, st.binary(max_size=40), st.integers(0, 3000))
)


@unhurried
@given(texts, texts)
def test_the_checksum_of_two_texts_follows_from_theirs(one, other):
    combined = deflating.combine(zlib.crc32(one), zlib.crc32(other), len(other))
    assert combined == zlib.crc32(one + other)


@unhurried
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**40), st.integers(0, 2**40))
def test_it_does_not_matter_in_which_order_texts_are_put_together(first, second, one, other):
    third = first ^ second
    left = deflating.combine(deflating.combine(first, second, one), third, other)
    assert left == deflating.combine(first, deflating.combine(second, third, other), one + other)


@unhurried
@given(st.lists(chunks, max_size=6))
def test_fragments_put_together_are_one_gzip_file(pieces):
    joined = deflating.join([deflating.fragment(each) for each in pieces])
    plain = b"".join(b"".join(each) for each in pieces)
    assert gzip.decompress(joined.packed) == plain
    assert b"".join(deflating.plain(joined.packed)) == plain
    assert joined.size == len(plain)
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    unpacker.decompress(joined.packed)
    assert unpacker.eof, "one member"
    assert not unpacker.unused_data, "and nothing after it"


@unhurried
@given(chunks)
def test_a_fragment_is_stored_and_restored(pieces):
    made = deflating.fragment(pieces)
    assert deflating.restored(made.stored()) == made
    assert made == deflating.fragment([b"".join(pieces)]) or len(pieces) > 1  # its bytes may be cut otherwise
    assert (made.size, made.crc) == (len(b"".join(pieces)), zlib.crc32(b"".join(pieces)))


@unhurried
@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=5), st.data())
def test_other_bytes_have_another_etag(pieces, data):
    place = data.draw(st.integers(0, len(pieces) - 1))
    others = [*pieces]
    others[place] = data.draw(st.binary(max_size=50).filter(lambda each: each != pieces[place]))
    made, other = (deflating.join([deflating.fragment([each]) for each in some]) for some in (pieces, others))
    assert made.etag != other.etag
    assert made.etag == deflating.join([deflating.fragment([each]) for each in pieces]).etag


def test_much_is_unpacked_little_by_little():
    plain = bytes(5 * deflating.CHUNK + 7)
    packed = deflating.join([deflating.fragment([plain])]).packed
    pieces = list(deflating.plain(packed))
    assert b"".join(pieces) == plain
    assert max(map(len, pieces)) <= deflating.CHUNK


@pytest.mark.parametrize("damage", [lambda packed: packed[:-9], lambda packed: packed[:-1] + b"x", lambda _: b"x" * 40])
def test_what_is_damaged_is_no_gzip_file(damage):
    packed = damage(deflating.join([deflating.fragment([b"abc" * 100])]).packed)
    with pytest.raises((zlib.error, EOFError, gzip.BadGzipFile)):
        gzip.decompress(packed)


def test_the_system_s_own_gzip_reads_it():
    joined = deflating.join(deflating.fragment([text]) for text in (b'{"a":', b"1" * 100_000, b"", b"}"))
    read = subprocess.run(["gzip", "-dc"], input=joined.packed, capture_output=True, check=True)  # noqa: S607
    assert read.stdout == b'{"a":' + b"1" * 100_000 + b"}"
