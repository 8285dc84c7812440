"""The body of a PUT: what each client sends is understood, what an attacker sends is refused and leaves no file."""

from __future__ import annotations

import base64
import io
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from packages.names import PackageName
from packages.wire import (
    Deprecation,
    OwnerList,
    Stars,
    Unpublication,
    Upload,
    read_access,
    read_put,
    read_revision_put,
)
from packages.wire.scanner import Scanner
from registry_site import strictjson
from registry_site.errors import Invalid, Malformed, Refusal, TooLarge
from tests.pure.payloads import Pieces, body, publish_document

WIDGET = PackageName("acme", "widget")
KEY = "@acme/widget-1.0.0.tgz"
MEGABYTE = 2**20


def put(raw: bytes | dict[str, Any], spool: Path, *, name: PackageName = WIDGET, max_tarball: int = MEGABYTE) -> Any:
    data = raw if isinstance(raw, bytes) else body(raw)
    return read_put(name, io.BytesIO(data), len(data), spool=spool, max_tarball=max_tarball)


def revision_put(document: dict[str, Any]) -> Any:
    data = body(document)
    return read_revision_put(WIDGET, io.BytesIO(data), len(data))


def small(raw: bytes, limit: int = 64 * 1024) -> Any:
    return strictjson.read(raw, limit=limit)


def refused(raw: bytes | dict[str, Any], spool: Path, kind: type[Refusal], code: str, **options: Any) -> None:
    with pytest.raises(Refusal) as caught:
        put(raw, spool, **options)
    assert (type(caught.value), caught.value.code) == (kind, code)
    assert not list(spool.iterdir())


def version_of(document: dict[str, Any]) -> dict[str, Any]:
    return next(iter(document["versions"].values()))


# What clients send


def test_npm_publish(tmp_path):
    document = publish_document(data=b"bytes", readmeFilename="README.md")
    upload = put(document, tmp_path)
    assert isinstance(upload, Upload)
    assert (upload.name, upload.version, upload.tags, upload.access) == ("@acme/widget", "1.0.0", ("latest",), None)
    assert upload.tarball.path.read_bytes() == b"bytes"
    assert upload.tarball.size == 5
    assert upload.tarball.integrity == version_of(document)["dist"]["integrity"]
    assert upload.tarball.sha1 == version_of(document)["dist"]["shasum"]
    assert (upload.readme, upload.readme_filename, upload.provenance) == ("# widget", "README.md", None)
    upload.tarball.discard()
    assert not list(tmp_path.iterdir())


def test_an_unscoped_package(tmp_path):
    assert put(publish_document("widget"), tmp_path, name=PackageName("", "widget")).name == "widget"


def test_an_attachment_key_without_the_scope(tmp_path):
    document = publish_document()
    document["_attachments"] = {"widget-1.0.0.tgz": document["_attachments"][KEY]}
    assert put(document, tmp_path).version == "1.0.0"


def test_bun_keeps_build_metadata_in_the_attachment_key_only(tmp_path):
    document = publish_document()
    document["_attachments"] = {"@acme/widget-1.0.0+b.1.tgz": document["_attachments"][KEY]}
    assert put(document, tmp_path).version == "1.0.0"


@pytest.mark.parametrize("spelled", ["=1.0.0", "v1.0.0", "1.0.0+b.1"])
def test_yarn_4_sends_versions_as_written(tmp_path, spelled):
    assert put(publish_document(version=spelled), tmp_path).version == "1.0.0"


def test_npm_2_has_no_integrity_no_access_and_the_readme_at_the_root(tmp_path):
    document = publish_document() | {"readme": "# root"}
    del version_of(document)["dist"]["integrity"], document["access"]
    version_of(document)["readme"] = "ERROR: No README data found!"
    assert put(document, tmp_path).readme == "# root"


@pytest.mark.parametrize(
    ("sent", "meant"), [("public", "public"), ("restricted", "restricted"), ("private", "restricted")]
)
def test_access(tmp_path, sent, meant):
    assert put(publish_document() | {"access": sent}, tmp_path).access == meant
    assert read_access({"access": sent}) == meant


def test_provenance_is_plain_text(tmp_path):
    document = publish_document()
    document["_attachments"]["@acme/widget-1.0.0.sigstore"] = {"data": '{"a": "\\u00e9"}', "length": 9}
    assert put(document, tmp_path).provenance == '{"a": "\\u00e9"}'


def test_npm_9_merges_its_version_into_the_whole_document(tmp_path):
    document = publish_document(version="1.0.1") | {"_rev": "7-abc"}
    document["versions"]["1.0.0"] = {"name": "@acme/widget", "version": "1.0.0"}
    document["dist-tags"] = {"old": "1.0.0", "latest": "1.0.1"}
    document["_attachments"]["@acme/widget-1.0.0.tgz"] = {"stub": True, "length": 3}
    upload = put(document, tmp_path)
    assert (upload.version, upload.tags) == ("1.0.1", ("latest",))


def test_npm_deprecate_and_undeprecate(tmp_path):
    versions = {"1.0.0": {"deprecated": "old"}, "1.0.1": {"deprecated": ""}, "1.0.2": {"dist": {}, "version": "1.0.2"}}
    for manifest in versions.values():
        manifest |= {"dist": {"shasum": "x"}, "version": "1"}
    intent = put({"_id": "@acme/widget", "_rev": "3-a", "name": "@acme/widget", "versions": versions}, tmp_path)
    assert intent == Deprecation("3-a", {"1.0.0": "old", "1.0.1": ""})


def test_a_document_with_attachment_stubs_is_no_publish(tmp_path):
    document = {"_rev": "3-a", "versions": {}, "_attachments": {KEY: {"stub": True, "digest": "md5-x"}}}
    assert put(document, tmp_path) == Deprecation("3-a", {})


def test_a56_stars_are_stars(tmp_path):
    stars = {"_id": "@acme/widget", "_rev": "3-a", "users": {"alice": True, "bob": False}}
    assert put(stars, tmp_path) == Stars(frozenset({"alice"}))
    assert revision_put(stars) == Stars(frozenset({"alice"}))


def test_npm_unpublish_of_one_version():
    document = {
        "_rev": "3-a",
        "name": "@acme/widget",
        "versions": {"1.0.0": {}},
        "dist-tags": {"latest": "1.0.0"},
        "maintainers": [{"name": "alice"}],
    }
    assert revision_put(document) == Unpublication("3-a", frozenset({"1.0.0"}), {"latest": "1.0.0"})


def test_pnpm_stars_with_the_whole_document():
    assert revision_put({"versions": {"1.0.0": {}}, "users": {"alice": True}}).users == {"alice"}


def test_npm_owner_add():
    people = [{"name": "alice", "email": "a@x"}, {"name": "bob"}, {"name": "alice"}]
    assert revision_put({"_rev": "3-a", "maintainers": people}) == OwnerList("3-a", ("alice", "bob"))
    assert revision_put({"_rev": "3-a", "maintainers": []}).names == ()


def test_a_tag_is_a_bare_string():
    assert small(b'"1.0.0"') == "1.0.0"
    assert small(b"null") is None


# Attacks


def test_a1_empty_body(tmp_path):
    refused(b"", tmp_path, Malformed, "empty_body")


def test_a5_too_long_by_header_is_not_read(tmp_path):
    stream = io.BytesIO(b"{}")
    with pytest.raises(TooLarge, match="5 MB"):
        read_put(WIDGET, stream, 10**9, spool=tmp_path, max_tarball=5 * MEGABYTE)
    assert stream.tell() == 0
    with pytest.raises(TooLarge):
        small(b"[" + b"1," * 50 + b"1]", limit=10)


def test_a5_too_long_a_tarball(tmp_path):
    put(publish_document(data=bytes(MEGABYTE)), tmp_path, max_tarball=MEGABYTE).tarball.discard()
    refused(publish_document(data=bytes(MEGABYTE + 1)), tmp_path, TooLarge, "tarball_too_large", max_tarball=MEGABYTE)


def test_a6_only_the_announced_bytes_are_read(tmp_path):
    data = body(publish_document())
    stream = io.BytesIO(data + b"GET / HTTP/1.1")
    read_put(WIDGET, stream, len(data), spool=tmp_path, max_tarball=MEGABYTE)
    assert stream.tell() == len(data)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a6_a_body_cut_off(tmp_path, share):
    data = body(publish_document(data=bytes(5000)))
    with pytest.raises(Malformed) as caught:
        read_put(WIDGET, io.BytesIO(data[: int(len(data) * share)]), len(data), spool=tmp_path, max_tarball=MEGABYTE)
    assert caught.value.code == "cut_off"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a6_a_body_that_ends_too_early(tmp_path, share):
    data = body(publish_document(data=bytes(5000)))
    refused(data[: int(len(data) * share)], tmp_path, Malformed, "not_json")


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": "\xff"}',
        '{"a": 1}'.encode("utf-16"),
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": "\0"}',
        b"{'a': 1}",
        b'{"a": 1,}',
        b"{} {}",
    ],
)
def test_a9_not_json_in_utf8(tmp_path, raw):
    with pytest.raises(Malformed):
        small(raw)
    with pytest.raises(Malformed):
        put(raw, tmp_path)


@pytest.mark.parametrize("raw", [b"NaN", b"[Infinity]", b"[-Infinity]", b"[1e999]", b"[" + b"9" * 5000 + b"]"])
def test_a9_numbers_that_are_none(raw):
    with pytest.raises(Malformed):
        small(raw)


def test_a9_big_integers_are_read_as_javascript_does():
    assert small(b"[9007199254740993000000]") == [9.007199254740993e21]


@pytest.mark.parametrize("raw", [b'["a\\u0000"]', b'{"a\\u0000": 1}'])
def test_a9_nul_in_a_text(raw):
    with pytest.raises(Invalid):
        small(raw)


@pytest.mark.parametrize("raw", [b'["\\ud800"]', b'["\\udc00\\ud800"]', b'{"\\uDFFF": 1}', b'["\\ud83dx\\ude00"]'])
def test_a10_lone_surrogate(raw):
    with pytest.raises(Invalid):
        small(raw)


def test_a10_escapes_that_only_look_bad():
    assert small(b'["\\ud83d\\ude00", "\\\\u0000", "\\\\ud800"]') == ["\U0001f600", "\\u0000", "\\ud800"]


def test_a10_lone_surrogate_in_a_publish(tmp_path):
    refused(body(publish_document()).replace(b"# widget", b"\\ud800"), tmp_path, Invalid, "bad_text")


def test_a12_nested_arrays(tmp_path):
    for raw in (b"[" * 100_000, b'{"a":' * 65 + b"1" + b"}" * 65):
        refused(raw, tmp_path, Malformed, "too_deep")
    assert small(b"[" * 64 + b"]" * 64)


@pytest.mark.parametrize(
    ("once", "twice"),
    [
        (b'"name": "@acme/widget", "dist-tags"', b'"name": "@acme/widget", "name": "@acme/widget", "dist-tags"'),
        (b'"versions"', b'"versions": {}, "versions"'),
        (b'"length"', b'"data": "AAAA", "length"'),
        (b'"length"', b'"d\\u0061ta": "AAAA", "length"'),
        (b'"_attachments"', b'"_attachments": {}, "\\u005fattachments"'),
    ],
)
def test_a13_duplicate_keys(tmp_path, once, twice):
    raw = body(publish_document())
    assert once in raw
    refused(raw.replace(once, twice), tmp_path, Malformed, "duplicate_key")


def test_a13_duplicate_key_in_small_json():
    with pytest.raises(Malformed):
        small(b'{"a": {"b": 1, "\\u0062": 2}}')


def test_a13_escaped_keys_are_the_same_keys(tmp_path):
    raw = body(publish_document(data=b"bytes")).replace(b'"_attachments"', b'"\\u005fattachments"')
    assert put(raw.replace(b'"data"', b'"d\\u0061ta"'), tmp_path).tarball.path.read_bytes() == b"bytes"


def test_a14_a_long_text_beside_a_tarball(tmp_path):
    refused(publish_document(description="x" * 17 * MEGABYTE), tmp_path, TooLarge, "document_too_large")


def test_a14_a_long_text_behind_a_tarball(tmp_path):
    refused(publish_document() | {"x": "x" * 17 * MEGABYTE}, tmp_path, TooLarge, "document_too_large")


MANY = {
    "keys": lambda: b"{" + b",".join(b'"%x":1' % number for number in range(10**6)) + b"}",
    "objects": lambda: b'{"a":[' + b"{}," * 2 * 10**6 + b"1]}",
    "numbers": lambda: b'{"a":[' + b"0," * 4 * 10**6 + b"1]}",
}


@pytest.mark.parametrize("what", MANY)
def test_a14_many_values(tmp_path, what):
    refused(MANY[what](), tmp_path, TooLarge, "too_many_values")


def test_a14_one_long_key(tmp_path):
    with pytest.raises(Refusal):
        put({"_rev": "1-a", "x" * 10**7: 1}, tmp_path)
    document = publish_document()
    document["_attachments"]["y" * 10_000 + ".tgz"] = {"data": "AAAA"}
    refused(document, tmp_path, Invalid, "attachments")


@pytest.mark.parametrize(
    "other", ["@acme/gadget", "@ACME/widget", "widget", "@acme%2fwidget", "", None, 1, ["@acme/widget"]]
)
@pytest.mark.parametrize("field", ["_id", "name"])
def test_a16_body_names_another_package(tmp_path, field, other):
    refused(publish_document() | {field: other}, tmp_path, Invalid, "name_mismatch")
    refused({"_rev": "1-a", "versions": {}, field: other}, tmp_path, Invalid, "name_mismatch")


@pytest.mark.parametrize(
    ("field", "other"), [("name", "@acme/gadget"), ("name", None), ("_id", "@acme/gadget@1.0.0"), ("_id", 1)]
)
def test_a16_version_names_another_package(tmp_path, field, other):
    refused(publish_document(**{field: other}), tmp_path, Invalid, "name_mismatch")


def test_a16_version_id_names_another_version(tmp_path):
    refused(publish_document(_id="@acme/widget@1.0.1"), tmp_path, Invalid, "name_mismatch")


def test_a16_a_publish_without_a_name(tmp_path):
    document = publish_document()
    del document["name"]
    refused(document, tmp_path, Invalid, "name_mismatch")


def test_a18_no_version(tmp_path):
    refused(publish_document() | {"versions": {}}, tmp_path, Invalid, "one_version")


def test_a18_two_versions(tmp_path):
    document = publish_document()
    document["versions"]["1.0.1"] = version_of(publish_document(version="1.0.1"))
    refused(document, tmp_path, Invalid, "one_version")


@pytest.mark.parametrize("other", ["1.0.1", "", None, 1])
def test_a18_key_differs_from_version(tmp_path, other):
    refused(
        publish_document(version="1.0.0")
        | {"versions": {"1.0.0": version_of(publish_document()) | {"version": other}}},
        tmp_path,
        Invalid,
        "version_mismatch",
    )


def test_a20_two_tarballs(tmp_path):
    document = publish_document()
    document["_attachments"]["@acme/widget-1.0.1.tgz"] = {"data": "AAAA"}
    refused(document, tmp_path, Invalid, "attachments")


@pytest.mark.parametrize(
    "other", ["readme.txt", "@acme/widget-1.0.1.sigstore", "x.sigstore", KEY + ".sigstore", "x.TGZ"]
)
def test_a20_unknown_attachment(tmp_path, other):
    document = publish_document()
    document["_attachments"][other] = {"data": "{}"}
    refused(document, tmp_path, Invalid, "attachments")


def test_a20_two_bundles(tmp_path):
    document = publish_document()
    document["_attachments"] |= {f"{stem}-1.0.0.sigstore": {"data": "{}"} for stem in ("widget", "@acme/widget")}
    refused(document, tmp_path, Invalid, "attachments")


def test_a20_a_bundle_alone(tmp_path):
    refused(
        publish_document() | {"_attachments": {"@acme/widget-1.0.0.sigstore": {"data": "{}"}}},
        tmp_path,
        Invalid,
        "attachments",
    )


@pytest.mark.parametrize(
    "key",
    [
        "../../x.tgz",
        "/etc/x.tgz",
        "a/b/c.tgz",
        "@acme/gadget-1.0.0.tgz",
        "@acme/widget-1.0.1.tgz",
        ".tgz",
        "@acme/widget-1.0.0.tgz.tgz",
        "../@acme/widget-1.0.0.tgz",
        "widget-1.0.0/../x.tgz",
    ],
)
def test_a21_attachment_key(tmp_path, key):
    document = publish_document()
    document["_attachments"] = {key: document["_attachments"][KEY]}
    refused(document, tmp_path, Invalid, "attachments")


@pytest.mark.parametrize(
    "text",
    [
        "AA AA",
        "AAAA\\n",
        "A-_A",
        "AA",
        "AAA",
        "A",
        "AB==",
        "AAB=",
        "AA==AAAA",
        "=AAA",
        "AAAA====",
        "AAAA=",
        "AA*A",
        "AA\\/A",
        "\\u0041AAA",
    ],
)
def test_a22_base64(tmp_path, text):
    raw = body(publish_document(data=b"xyz")).replace(base64.b64encode(b"xyz"), text.encode())
    refused(raw, tmp_path, Invalid, "bad_base64")


def test_a22_base64_padding_at_the_border_of_two_pieces(tmp_path):
    raw = body(publish_document(data=b"x")).replace(b'"eA=="', b'"eA==|AAAA"')
    pieces = raw.split(b"|")
    with pytest.raises(Invalid):
        read_put(WIDGET, Pieces(pieces), len(raw) - 1, spool=tmp_path, max_tarball=MEGABYTE)


@pytest.mark.parametrize("length", [0, -1, 8, "7", None, True, 7.5])
def test_a23_length_differs(tmp_path, length):
    document = publish_document(data=b"tarball")
    document["_attachments"][KEY]["length"] = length
    refused(document, tmp_path, Invalid, "length_mismatch")


@pytest.mark.parametrize(
    "change",
    [
        lambda right, sha1: "sha512-" + base64.b64encode(bytes(64)).decode(),
        lambda right, sha1: sha1,
        lambda right, sha1: "md5-1B2M2Y8AsgTpgAmY7PhCfg==",
        lambda right, sha1: f"{right} md5-1B2M2Y8AsgTpgAmY7PhCfg==",
        lambda right, sha1: f"{right} sha1-{base64.b64encode(bytes(20)).decode()}",
        lambda right, sha1: f"{right} {right}",
        lambda right, sha1: right * 10_000,
        lambda right, sha1: right + "?foo",
        lambda right, sha1: "",
        lambda right, sha1: None,
        lambda right, sha1: [right],
    ],
)
def test_a24_integrity(tmp_path, change):
    document = publish_document()
    dist = version_of(document)["dist"]
    sha1 = "sha1-" + base64.b64encode(bytes.fromhex(dist["shasum"])).decode()
    put(publish_document() | {}, tmp_path).tarball.discard()
    dist["integrity"] = change(dist["integrity"], sha1)
    refused(document, tmp_path, Invalid, "integrity_mismatch")


def test_a24_integrity_with_a_right_sha1_beside(tmp_path):
    document = publish_document()
    dist = version_of(document)["dist"]
    dist["integrity"] += " sha1-" + base64.b64encode(bytes.fromhex(dist["shasum"])).decode()
    assert put(document, tmp_path)


@pytest.mark.parametrize("shasum", ["0" * 40, "", None, 1])
def test_a25_shasum(tmp_path, shasum):
    document = publish_document()
    version_of(document)["dist"]["shasum"] = shasum
    refused(document, tmp_path, Invalid, "shasum_mismatch")


@pytest.mark.parametrize(
    "address", ["https://evil.example/x.tgz", "file:///etc/passwd", "javascript:1", "http://u:p@h/", None, 1]
)
def test_a26_tarball_address_is_ignored(tmp_path, address):
    document = publish_document()
    version_of(document)["dist"]["tarball"] = address
    assert put(document, tmp_path)


@pytest.mark.parametrize("access", ["", "secret", "Public", 1, True, ["public"]])
def test_a46_access(tmp_path, access):
    refused(publish_document() | {"access": access}, tmp_path, Invalid, "access")
    with pytest.raises(Refusal):
        read_access({"access": access})


def test_a52_deprecation_reads_nothing_else(tmp_path):
    versions = {"1.0.0": {"deprecated": "old", "dist": {"integrity": "evil"}, "name": "@acme/other"}, "9.9.9": {}}
    intent = put({"_rev": "3-a", "versions": versions, "dist-tags": {"latest": "9.9.9"}}, tmp_path)
    assert intent == Deprecation("3-a", {"1.0.0": "old"})


def test_a53_deprecation_is_a_text(tmp_path):
    refused({"_rev": "3-a", "versions": {"1.0.0": {"deprecated": ["x"]}}}, tmp_path, Invalid, "message")
    assert put({"_rev": "3-a", "versions": {"1.0.0": {"deprecated": False}}}, tmp_path).messages == {"1.0.0": ""}


def test_a54_dropping_all_versions_is_said_as_sent():
    assert revision_put({"versions": {}}).kept == frozenset()


@pytest.mark.parametrize("bundle", ["", "[]", "{", '{"a": 1, "a": 2}', {"a": 1}, None, '{"a": "\\u0000"}'])
def test_a58_provenance_that_is_no_json(tmp_path, bundle):
    document = publish_document()
    document["_attachments"]["@acme/widget-1.0.0.sigstore"] = {"data": bundle}
    with pytest.raises(Invalid):
        put(document, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("tag", ["1", "1.0.0", "v2", "x", "a/b", "", "é", "x" * 200])
def test_b20_tag_that_is_none(tmp_path, tag):
    refused(publish_document() | {"dist-tags": {tag: "1.0.0"}}, tmp_path, Invalid, "invalid_tag")


def test_tags_of_other_versions_and_too_many(tmp_path):
    refused(publish_document() | {"dist-tags": {"latest": "2.0.0"}}, tmp_path, Invalid, "dist_tags")
    refused(publish_document() | {"dist-tags": {f"t{n}": "1.0.0" for n in range(11)}}, tmp_path, Invalid, "dist_tags")


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"name": "@acme/widget"},
        {"versions": {}},
        {"users": {}},
        {"_rev": "1-a"},
        {"_rev": 1, "versions": {}},
        {"_rev": "1-a", "versions": []},
        {"_rev": "1-a", "users": []},
        {"_rev": "1-a", "versions": {"1.0.0": None}},
        [],
        "x",
        None,
        1,
    ],
)
def test_neither_publish_nor_edit(tmp_path, document):
    with pytest.raises(Malformed):
        put(body(document), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"maintainers": {}},
        {"maintainers": [1]},
        {"maintainers": ["bob"]},
        {"maintainers": [{}]},
        {"versions": []},
        {"versions": {}, "dist-tags": {"a": 1}},
        {"versions": {}, "users": 1},
    ],
)
def test_revision_put_of_a_wrong_shape(document):
    with pytest.raises(Malformed):
        revision_put(document)


@pytest.mark.parametrize("field", ["versions", "_attachments", "dist-tags"])
@pytest.mark.parametrize("value", [None, 1, "x", [], True])
def test_a_publish_of_a_wrong_shape(tmp_path, field, value):
    document = publish_document()
    document[field] = value
    with pytest.raises((Malformed, Invalid)):
        put(document, tmp_path)
    version = version_of(publish_document())
    for shape in ({"1.0.0": value}, {"1.0.0": version | {"dist": value}}):
        with pytest.raises((Malformed, Invalid)):
            put(publish_document() | {"versions": shape}, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_stream_that_breaks_leaves_no_file(tmp_path):
    class Broken(io.BytesIO):
        def read(self, size=-1, /):
            if self.tell() > 2000:
                raise OSError("gone")
            return super().read(min(size, 1000))

    data = body(publish_document(data=os.urandom(9000)))
    with pytest.raises(OSError, match="gone"):
        read_put(WIDGET, Broken(data), len(data), spool=tmp_path, max_tarball=MEGABYTE)
    assert not list(tmp_path.iterdir())


# The scanner agrees with the standard library, however the body is cut

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**14), 10**14)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6, alphabet='a"\\:,{[ _'), inner, max_size=4)
    ),
    max_leaves=20,
)


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    borders = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in zip(borders, borders[1:], strict=False)]


@given(json_values, st.lists(st.integers(0, 10**6), max_size=12), st.booleans())
def test_the_scanner_agrees_with_the_standard_library(value, cuts, ascii_only):
    data = json.dumps(value, ensure_ascii=ascii_only).encode()
    scanner = Scanner(limit=MEGABYTE)
    for piece in pieces_of(data, cuts):
        scanner.feed(piece)
    scanner.close()
    assert scanner.skeleton == data
    assert strictjson.loads(scanner.skeleton) == json.loads(data)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(json_values, st.binary(max_size=300), st.lists(st.integers(0, 10**6), max_size=12), st.integers(0, 3))
def test_a_publish_is_the_same_however_it_is_cut(tmp_path, extra, data, cuts, place):
    document = publish_document(data=data, extra=extra)
    items = list(document.items())
    items.insert(place, ("extra", {"_attachments": {"x.tgz": {"data": extra}}, "data": extra}))
    raw = json.dumps(dict(items)).encode()
    upload = read_put(WIDGET, Pieces(pieces_of(raw, cuts)), len(raw), spool=tmp_path, max_tarball=MEGABYTE)
    assert upload.tarball.path.read_bytes() == data
    assert upload.manifest["extra"] == extra
    upload.tarball.discard()


@given(st.binary(max_size=200) | st.text(alphabet='{}[]":,\\ 1_adat', max_size=60).map(str.encode))
def test_garbage_is_refused_as_the_standard_library_refuses_it(data):
    try:
        expected = json.loads(data.decode())
    except (ValueError, RecursionError):
        expected = Malformed
    try:
        found = small(data)
    except Refusal:
        return  # stricter than the standard library is fine
    assert found == expected


def test_sixty_megabytes_take_no_memory(tmp_path):
    tarball = os.urandom(MEGABYTE) * 60
    data = body(publish_document(data=tarball))
    del tarball
    tracemalloc.start()
    try:
        upload = put(data, tmp_path, max_tarball=64 * MEGABYTE)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert upload.tarball.size == 60 * MEGABYTE
    assert peak < 16 * MEGABYTE
