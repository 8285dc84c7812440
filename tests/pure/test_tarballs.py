"""Tarballs: those that tar makes are read as tar reads them, the ambiguous, hostile and huge are refused in bounds."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import re
import tarfile
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packages.tarballs import Facts, Limits, inspect
from registry_site.errors import Invalid
from tests.pure.payloads import PACKAGE_JSON, entry, header, packed, pax, sealed, tarball

MEGABYTE = 2**20


@pytest.fixture
def look(tmp_path):
    def look(data: bytes, **options) -> Facts:
        (tmp_path / "x.tgz").write_bytes(data)
        return inspect(tmp_path / "x.tgz", **options)

    return look


@pytest.fixture
def refused(look):
    def refused(data: bytes, code: str, **options) -> None:
        with pytest.raises(Invalid) as caught:
            look(data, **options)
        assert caught.value.code == code, caught.value.message

    return refused


# What clients make


def test_facts(look):
    facts = look(
        tarball(("README.md", b"# hi"), ("lib/a.js", b"1;"), ("binding.gyp", b"{}"), ("npm-shrinkwrap.json", b"{}"))
    )
    assert facts.package_json == {"name": "widget", "version": "1.0.0"}
    assert facts.files[1:3] == [("README.md", 4, 0o644), ("lib/a.js", 2, 0o644)]
    assert (facts.file_count, facts.unpacked_size) == (5, sum(size for _, size, _ in facts.files))
    assert (facts.readme, facts.readme_filename, facts.has_gyp, facts.has_shrinkwrap) == (
        "# hi",
        "README.md",
        True,
        True,
    )


def test_gyp_and_shrinkwrap_count_at_the_root_only(look):
    facts = look(
        tarball(
            ("lib/binding.gyp", b""),
            ("lib/npm-shrinkwrap.json", b"{}"),
            ("lib/README.md", b"x"),
            ("lib/package.json", b"no"),
        )
    )
    assert (facts.has_gyp, facts.has_shrinkwrap, facts.readme) == (False, False, None)


@pytest.mark.parametrize("folder", ["package", "left-pad-1.0.0", "node v1"])
def test_any_one_top_folder(look, folder):
    assert look(tarball(folder=folder)).files[0][0] == "package.json"


def test_yarn_1_writes_its_folders(look):
    folders = entry("package", kind=b"5") + entry("package/lib/", kind=b"5")
    assert look(packed(entry("package/lib/a.js"), manifest=folders + PACKAGE_JSON)).file_count == 2


def test_npm_writes_long_names_as_prefix_or_pax(look):
    block = bytearray(header("x" * 90 + ".js"))
    block[345 : 345 + 120] = b"package/" + b"d" * 112
    long = "ü" * 100 + "/" + "z" * 200
    facts = look(
        packed(sealed(block), pax(path=f"package/{long}", mtime="1.5", size="3"), entry("package/short", b"abc"))
    )
    assert [path for path, _, _ in facts.files[1:]] == ["d" * 112 + "/" + "x" * 90 + ".js", long]


def test_gnu_long_name(look):
    name = b"package/" + b"d" * 150
    assert look(packed(entry("././@LongLink", name + b"\0", b"L"), entry("package/ddd"))).files[1][0] == "d" * 150


def test_github_writes_a_global_header(look):
    first = entry("pax_global_header", b"52 comment=" + b"a" * 40 + b"\n", b"g")
    assert look(packed(manifest=first + PACKAGE_JSON)).file_count == 1


@pytest.mark.parametrize("count", [0, 100, 512, 1024, 10_240])
def test_any_number_of_zeros_at_the_end(look, count):
    assert look(packed(end=bytes(count))).file_count == 1


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["README", "README.md"], "README.md"),
        (["readme.markdown", "README.txt"], "readme.markdown"),
        (["ReadMe.rst", "README"], "README"),
        (["README-dev.md", "read.md"], None),
    ],
)
def test_markdown_before_other_readmes(look, names, chosen):
    for order in (names, names[::-1]):
        assert look(tarball(*((name, name.encode()) for name in order))).readme == chosen


def test_a_long_or_odd_readme_is_kept_as_text(look):
    facts = look(tarball(("README.md", "\ufeffé\0".encode() + b"\xff" + b"x" * 2 * MEGABYTE)))
    assert facts.readme.startswith("é\ufffd\ufffdx")
    assert len(facts.readme.encode()) <= MEGABYTE + 16


def test_own_tokens_are_found_at_any_place(refused, look):
    secret = re.compile(rb"npm_[A-Za-z0-9]{36}")
    token = b"npm_" + b"A1" * 18
    for before in (0, 10, 65536 - 20, 65536, 131072 - 1):
        refused(tarball(("lib/x.js", b"." * before + token + b"." * 100)), "secret_in_package", forbidden=secret)
    assert look(tarball(("a", token[:20]), ("b", token[20:])), forbidden=secret)


# Attacks


@pytest.mark.parametrize("path", ["package/readme.md", "package/Package.JSON", "package/lib/package.json"])
def test_a29_no_package_json(refused, path):
    refused(packed(entry(path), manifest=b""), "package_json")


def test_a29_twice(refused):
    refused(packed(PACKAGE_JSON), "duplicate_entry")
    refused(packed(entry("package/Package.JSON", b"{}")), "duplicate_entry")


def test_a29_in_another_top_folder(refused):
    refused(packed(entry("other/package.json", b"{}")), "top_folder")
    refused(packed(entry("package.json", b"{}"), manifest=b""), "top_folder")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xef\xbb\xbf{}",
        b"{",
        b"[]",
        b"1",
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\u0000"}',
        b'"\xff"',
        b"[" * 9000,
        '{"a":1}'.encode("utf-16"),
        b'{"a":' * 65 + b"1" + b"}" * 65,
    ],
)
def test_a29_not_strict_json(refused, text):
    refused(packed(entry("package/package.json", text), manifest=b""), "package_json")


def test_a29_too_long(refused, look):
    room = MEGABYTE - len('{"a": ""}')
    text = json.dumps({"a": "x" * room}).encode()
    assert look(packed(entry("package/package.json", text), manifest=b""))
    refused(packed(entry("package/package.json", text + b" "), manifest=b""), "package_json")


def test_a29_a_folder_or_link(refused):
    refused(packed(entry("package/package.json", kind=b"5"), manifest=b""), "package_json")
    refused(packed(entry("package/package.json", kind=b"2"), manifest=b""), "entry_type")


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04", b"\x1f\x8b", b"\x1f\x8b\x08", PACKAGE_JSON + bytes(1024), zlib.compress(PACKAGE_JSON)]
)
def test_a30_not_gzip(refused, data):
    refused(data, "not_gzip")


def test_a30_trailing_bytes_and_members(refused):
    good = tarball()
    for behind in (b"\0", b"x", good, gzip.compress(b""), bytes(MEGABYTE)):
        refused(good + behind, "trailing_data")


def test_a30_cut_off(refused):
    good = tarball(("x", bytes(range(256)) * 1000))
    for length in (len(good) - 1, len(good) - 8, len(good) // 2, 20):
        refused(good[:length], "damaged_gzip")


def test_a30_wrong_crc_or_length(refused):
    good = bytearray(tarball())
    for place in (-1, -5, 40):
        bad = bytearray(good)
        bad[place] ^= 1
        refused(bytes(bad), "damaged_gzip")


def test_a30_long_gzip_header(refused, look):
    good = tarball()
    named = good[:3] + b"\x08" + good[4:10] + b"name.tar\0" + good[10:] if not good[3] & 8 else good
    assert look(named)
    plain = gzip.compress(PACKAGE_JSON + bytes(1024))
    refused(plain[:3] + b"\x08" + plain[4:10] + b"n" * 10 * MEGABYTE + b"\0" + plain[10:], "not_gzip")
    refused(plain[:3] + b"\x04" + plain[4:10] + b"\xff\xff" + bytes(65535) + plain[10:], "not_gzip")
    refused(plain[:3] + b"\x80" + plain[4:], "not_gzip")


def test_a30_gzip_of_something_else(refused):
    refused(gzip.compress(b"hello" * 1000), "bad_archive")
    refused(gzip.compress(b""), "package_json")


@pytest.mark.parametrize("kind", [b"1", b"2"])
def test_a31_links(refused, kind):
    refused(packed(entry("package/x", kind=kind)), "entry_type")


@pytest.mark.parametrize("kind", [b"3", b"4", b"6", b"7", b"S", b"D", b"M", b"V", b"N", b"K", b"X", b"9", b"\xff"])
def test_a31_devices_and_unknown_kinds(refused, kind):
    refused(packed(entry("package/x", kind=kind)), "entry_type")


BAD_PATHS = """
/etc/passwd
../x
package/../x
package/..
package/./x
./package/x
package//x
package/x/
package\\x
package/a\\b
C:/x
package/C:/x
//server/x
package/a\x01b
package/a\x7f
package/a\u0085
package/x.
package/x\u0020
package/x./y
package/con
package/NUL.txt
package/aux/x
package/Com1.js
package/a\u202eb
package/a\u2066b
package/a\u200fb
package/a\u2028b
""".strip("\n").split("\n")


@pytest.mark.parametrize("path", BAD_PATHS, ids=ascii)
def test_a32_paths(refused, path):
    refused(packed(pax(path=path), entry("package/x")), "entry_path")


@pytest.mark.parametrize("path", [b"package/a\nb", b"package/a\0b", b"package/\xff\xfe", b"package/a\0\nb"])
def test_a32_bytes(refused, path):
    refused(packed(entry(path)), "entry_path")
    refused(packed(pax(path=path), entry("package/x")), "entry_path")


def test_a32_length(refused, look):
    assert look(packed(pax(path="package/" + "x" * 255), entry("package/x")))
    refused(packed(pax(path="package/" + "x" * 256), entry("package/x")), "entry_path")
    refused(packed(pax(path="package/" + "ü" * 128), entry("package/x")), "entry_path")
    refused(packed(pax(path="package" + "/x" * 2048), entry("package/x")), "entry_path")


def test_a32_all_names_together(refused):
    many = [pax(path=f"package/{number}" + "/x" * 2000) + entry("package/x") for number in range(100)]
    refused(packed(*many), "entry_path", limits=Limits(paths=300_000))


@pytest.mark.parametrize("other", ["package/lib/a", "package/lib/A", "package/LIB/a"])
def test_a33_one_path_twice(refused, other):
    refused(packed(entry("package/lib/a"), entry(other)), "duplicate_entry")


@pytest.mark.parametrize(("one", "other"), [("é", "e\u0301"), ("ß", "ss"), ("K", "\u212a"), ("É", "e\u0301")])
def test_a33_equal_after_folding(refused, one, other):
    refused(packed(*(pax(path=f"package/{name}") + entry("package/x") for name in (one, other))), "duplicate_entry")


@pytest.mark.parametrize("kind", [b"0", b"5"])
def test_a33_file_and_folder(refused, kind):
    refused(packed(entry("package/lib"), entry("package/lib/a", kind=kind), entry("package/lib-a")), "duplicate_entry")
    refused(packed(entry("package/LIB/a", kind=kind), entry("package/lib.js"), entry("package/lib")), "duplicate_entry")
    refused(packed(entry("package/lib"), entry("package/lib", kind=b"5")), "duplicate_entry")


def test_a33_a_folder_to_some_and_a_file_to_others(refused, look):
    """Of an entry without a type some readers ask its own name, others the one that a header before it gives."""
    assert look(packed(pax(path="package/x") + entry("package/y", kind=b"\0")))
    refused(packed(pax(path="package/x") + entry("./", kind=b"\0")), "bad_archive")
    refused(packed(pax(path="package/x/") + entry("package/y", kind=b"\0")), "bad_archive")


def test_a34_pax_size(refused, look):
    assert look(packed(pax(size="3"), entry("package/x", b"abc")))
    for size in ("4", "03", "-3", "", "x", "99999999999999"):
        refused(packed(pax(size=size), entry("package/x", b"abc")), "bad_archive")


@pytest.mark.parametrize(
    "field",
    [
        b"\x80" + bytes(10) + b"\x03",
        b"\xff" * 12,
        b"-0000000003\0",
        b"0x00000003\0\0",
        b"000 0000003\0",
        b"00000000009\0",
        b"\x000000000003\0",  # what stands behind a NUL is nothing to npm, which would read the contents as headers
        b" \x00000000003\0",
    ],
)
def test_a34_size_field(refused, field):
    refused(packed(header("package/x", size_field=field) + b"abc" + bytes(509)), "bad_archive")


def test_a34_checksum(refused):
    block = bytearray(header("package/x"))
    block[0] ^= 1
    refused(packed(bytes(block)), "bad_archive")


def test_a34_folder_with_contents(refused):
    refused(packed(header("package/lib", 3, b"5") + b"abc" + bytes(509)), "bad_archive")


def test_a34_data_behind_the_end(refused):
    refused(packed(end=bytes(512) + entry("package/x") + bytes(1024)), "bad_archive")
    refused(packed(end=bytes(4096) + b"x"), "bad_archive")


def test_a34_cut_inside(refused):
    refused(packed(header("package/x", 5000) + b"abc", end=b""), "bad_archive")
    refused(packed(header("package/x")[:300], end=b""), "bad_archive")
    refused(packed(header("package/x", 100, b"x") + b"abc", end=b""), "bad_archive")


@pytest.mark.parametrize(
    "records",
    [b"x", b"5 a=b", b"9 a=b\n", b"6 a=bb\n", b"06 a=b\n", b"6 abcd", b"-1 a=b\n", b"22 GNU.sparse.major=1\n"],
)
def test_a35_damaged_pax_header(refused, records):
    refused(packed(entry("x", records, b"x"), entry("package/x")), "bad_archive")


def test_a35_headers_that_contradict(refused):
    both = pax(path="package/a"), entry("././@LongLink", b"package/b\0", b"L")
    refused(packed(*both, entry("package/x")), "bad_archive")
    refused(packed(pax(path="package/a"), pax(path="package/b"), entry("package/x")), "bad_archive")
    refused(packed(pax(path="package/a")), "bad_archive")
    refused(packed(entry("x", b"20 path=package/aaa\n" * 2, b"x"), entry("package/x")), "bad_archive")
    refused(packed(entry("x", b"20 path=package/aaa\n", b"g"), entry("package/x")), "bad_archive")


def test_a36_large_pax_header(refused):
    bomb = packed(header("x", 50 * MEGABYTE, b"x"), b"5" * 50 * MEGABYTE)
    tracemalloc.start()
    try:
        refused(bomb, "metadata_too_large", limits=Limits(ratio=10**6))
        assert tracemalloc.get_traced_memory()[1] < 4 * MEGABYTE
    finally:
        tracemalloc.stop()
    refused(packed(header("x", 65 * 1024, b"L") + bytes(65 * 1024)), "metadata_too_large")


def test_a37_many_entries(refused):
    many = b"".join(entry(f"package/{number}") for number in range(1001))
    refused(packed(many), "too_many_entries", limits=Limits(entries=1000))
    refused(packed(entry("g", b"6 a=b\n", b"g") * 1001), "too_many_entries", limits=Limits(entries=1000))


def test_a37_the_default_is_fifty_thousand(refused):
    refused(packed(b"".join(header(f"package/{number}") for number in range(50_000))), "too_many_entries")


def test_a37_unpacked_size_and_ratio(refused, look):
    bomb = packed(entry("package/x", bytes(9 * MEGABYTE)))
    refused(bomb, "unpacked_too_large")
    assert look(packed(entry("package/x", bytes(7 * MEGABYTE))))
    refused(bomb, "unpacked_too_large", limits=Limits(ratio=10**6, unpacked=8 * MEGABYTE))
    refused(packed(end=bytes(20 * MEGABYTE)), "unpacked_too_large")


@pytest.mark.parametrize(
    ("mode", "shown"), [(b"004777 \0", 0o4777), (b"100777 \0", 0o777), (b"\x80" + bytes(7), 0o644), (bytes(8), 0)]
)
def test_a38_modes_are_shown_only(look, mode, shown):
    assert look(packed(header("package/x", mode=mode))).files[1] == ("x", 0, shown)


def test_a38_owners_and_times_are_not_read(look):
    block = bytearray(header("package/x"))
    block[108:124] = block[136:148] + b"\xff\xff\xff\xff"
    block[136:148] = b"\xff" * 12
    assert look(packed(sealed(block))).file_count == 2


# The walker agrees with the standard library

segments = st.text(st.characters(min_codepoint=97, max_codepoint=0x24F, categories=["Ll"]), min_size=1, max_size=60)
paths = st.lists(segments, min_size=1, max_size=6).map(lambda parts: "f_" + "/d_".join(parts) + ".js")


@given(
    st.dictionaries(paths, st.binary(max_size=2000), max_size=8),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
    st.sampled_from([0o644, 0o755, 0o600]),
)
def test_it_agrees_with_the_standard_library(tmp_path_factory, files, kind, mode):
    files = {path: data for path, data in files.items() if len({other.casefold() for other in files}) == len(files)}
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w:gz", format=kind) as archive:
        for path, data in {"package.json": b"{}", **files}.items():
            info = tarfile.TarInfo(f"package/{path}")
            info.size, info.mode = len(data), mode
            archive.addfile(info, io.BytesIO(data))
    target: Path = tmp_path_factory.mktemp("tar") / "x.tgz"
    target.write_bytes(output.getvalue())
    with tarfile.open(target) as archive:
        expected = [
            (member.name.removeprefix("package/"), member.size, member.mode) for member in archive if member.isfile()
        ]
    assert inspect(target).files == expected


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_changed_byte_never_makes_another_error(tmp_path_factory, place, change):
    inside = bytearray(PACKAGE_JSON + pax(path="package/lib/ü.js") + entry("package/x", b"abc") + bytes(1024))
    inside[place % len(inside)] ^= change
    target: Path = tmp_path_factory.mktemp("tar") / "x.tgz"
    target.write_bytes(gzip.compress(bytes(inside), compresslevel=1))
    with contextlib.suppress(Invalid):
        assert inspect(target).file_count in (1, 2)


def test_sixty_megabytes_take_no_memory(look):
    noise = bytes(range(256)) * 4096
    big = packed(entry("package/big", noise * 60))
    tracemalloc.start()
    try:
        facts = look(big, limits=Limits(ratio=10**4))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert facts.unpacked_size > 60 * MEGABYTE
    assert peak < 16 * MEGABYTE
