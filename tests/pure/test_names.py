"""Names, versions and tags: what npm takes is taken, what two readers could read differently is not."""

from __future__ import annotations

import pytest

from packages.names import PackageName, clean_version, parse_tag, parse_version
from registry_site.errors import Invalid


@pytest.mark.parametrize("text", ["left-pad", "@acme/ledger", "a", "0", "a.b_c-d", "@a/b.c", "x" * 214])
def test_good_names(text):
    assert PackageName.parse(text).full == text


@pytest.mark.parametrize("word", ["constructor", "prototype", "hasownproperty", "tostring"])
def test_b1_words_of_javascript_are_well_formed_and_not_usable(word):
    with pytest.raises(Invalid):
        PackageName.parse(word).require_usable()


def test_b1_proto_is_no_name():
    with pytest.raises(Invalid):
        PackageName.parse("__proto__")


@pytest.mark.parametrize("word", ["login", "admin", "static", "search", "healthz", "robots.txt", "node_modules"])
def test_b4_our_own_routes(word):
    with pytest.raises(Invalid):
        PackageName.parse(word).require_usable()


@pytest.mark.parametrize("text", ["Left-pad", "@Acme/x", "@acme/X"])
def test_b5_upper_case(text):
    with pytest.raises(Invalid):
        PackageName.parse(text)


@pytest.mark.parametrize(
    "text", ["аcme", "\uff41cme", "a\u0301", "a\u200bb", "a\u202eb", "\u017f", "\u212a", "\u0131", "a\n", "a\u0661"]
)
def test_b6_unicode(text):
    for read in (PackageName.parse, parse_version, parse_tag):
        with pytest.raises(Invalid):
            read(text)


@pytest.mark.parametrize(
    "text",
    [
        "x" * 215,
        "@" + "x" * 213 + "/y",
        "@/x",
        "@a/",
        "@a/b/c",
        "@@a/b",
        "@a\\b",
        "",
        "@",
        "/",
        "a/b",
        " a",
        "a b",
        "a%2fb",
    ],
)
def test_b8_shapes(text):
    with pytest.raises(Invalid):
        PackageName.parse(text)


@pytest.mark.parametrize("text", [".a", "_a", "-a", "..", ".git", "-rf", "@.a/b", "@a/.b", "@-a/b", "@a/_b"])
def test_b9_first_characters(text):
    with pytest.raises(Invalid):
        PackageName.parse(text)


@pytest.mark.parametrize("text", ["con", "nul", "aux", "com1", "lpt9", "@con/x", "@x/nul", "aux.js"])
def test_b10_devices(text):
    with pytest.raises(Invalid):
        PackageName.parse(text).require_usable()


def test_b13_the_tarball_name_has_no_scope():
    assert PackageName.parse("@acme/foo").tarball("1.0.0-bar") == "foo-1.0.0-bar.tgz"


@pytest.mark.parametrize(
    "text", ["1.0.0", "0.0.0", "1.2.3-beta.1", "1.0.0-alpha-a.b", "9007199254740991.0.0", "1.0.0--"]
)
def test_good_versions(text):
    assert parse_version(text) == clean_version(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "1.0.0-" + "a" * 251,
        "1" * 300 + ".0.0",
        "9007199254740993.0.0",
        "1.0",
        "01.0.0",
        "1.0.0-01",
        "1.0.0-",
        "1.0.0+",
        "x",
        "",
        "latest",
    ],
)
def test_b16_versions(text):
    for read in (parse_version, clean_version):
        with pytest.raises(Invalid):
            read(text)


def test_b17_build_metadata_is_dropped():
    assert parse_version("1.0.0+a") == parse_version("1.0.0+b.2") == "1.0.0"


@pytest.mark.parametrize("text", ["v1.0.0", "=1.0.0", " v1.0.0 ", "=v1.0.0", "= 1.0.0+x", "1.0.0\n"])
def test_versions_are_cleaned_as_npm_does(text):
    assert clean_version(text) == "1.0.0"
    with pytest.raises(Invalid):
        parse_version(text.partition("+")[0])


@pytest.mark.parametrize(
    "tag", ["1", "1.0.0", "v2", "V1.x", "x", "X", "*", "^1", "1 - 2", ">=1", "x.x", "v1.0.0-beta", "X.1.2+b"]
)
def test_b20_tags_that_are_ranges(tag):
    with pytest.raises(Invalid):
        parse_tag(tag)


@pytest.mark.parametrize("tag", ["../x", "a/b", "%2f", "a" * 10_000, "", "é", "\U0001f600", "a b", "_a", "-a"])
def test_b21_tags(tag):
    with pytest.raises(Invalid):
        parse_tag(tag)


@pytest.mark.parametrize("tag", ["latest", "next", "v-next", "x-ray", "beta.1", "release_2"])
def test_good_tags(tag):
    assert parse_tag(tag) == tag
