"""What differs between two versions: files, manifests, lines; and the bytes of single files out of a tarball."""

from __future__ import annotations

import io
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packages import comparison, diffs, tarballs
from packages.comparison import Kind, Side, Weight
from packages.diffs import Budget
from registry_site.errors import Invalid
from tests.pure import payloads
from tests.tools.payloads import tarball

BASE = {"name": "x", "version": "1.0.0", "license": "MIT", "scripts": {"test": "node --test"}}


def side(
    unpacked_size: int = 1000, file_count: int = 2, publisher: str = "uma", built: bool = False, **manifest
) -> Side:
    return Side(BASE | manifest, unpacked_size, file_count, publisher, built)


def told(before: Side | None, after: Side) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {each.title: (each.weight, each.lines) for each in comparison.findings(before, after)}


# --- files -------------------------------------------------------------------------------------------------------


def files_of(texts: dict[str, str]) -> dict[str, tarballs.File]:
    return tarballs.listing(io.BytesIO(tarball(BASE, texts)))


def test_files_are_added_removed_and_changed_by_their_bytes():
    before = files_of({"same.js": "1", "changed.js": "one", "gone.js": "x"})
    after = files_of({"same.js": "1", "changed.js": "two", "new/deep.js": "yy"})
    assert [(each.path, each.kind, each.before, each.after) for each in comparison.files(before, after)] == [
        ("changed.js", Kind.CHANGED, 3, 3),
        ("gone.js", Kind.REMOVED, 1, None),
        ("new/deep.js", Kind.ADDED, None, 2),
    ]
    assert comparison.files(before, before) == []


def test_single_files_are_read_whole_or_not_at_all():
    packed = tarball(BASE, {"a.txt": "a" * 10, "b.txt": "b" * 11, "c.txt": "c"})
    found = tarballs.read(io.BytesIO(packed), ["a.txt", "b.txt", "../c.txt", "nowhere"], most=10)
    assert found == {"a.txt": b"a" * 10}


def test_reading_stops_where_it_has_all_and_closes_the_file():
    source = io.BytesIO(tarball(BASE, {"a.txt": "a", **{f"{n}.txt": "x" * 100 for n in range(50)}}))
    assert tarballs.read(source, ["package.json"], most=1000).keys() == {"package.json"}
    assert source.closed


class Trickle(io.RawIOBase):
    """A file that cannot be sought and gives little at once, as an object store's answer."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def read(self, size: int = -1) -> bytes:
        piece, self.rest = self.rest[: min(size, 7)], self.rest[min(size, 7) :]
        return piece


def test_a_tarball_is_read_from_a_stream_that_cannot_go_back():
    packed = tarball(BASE, {"a.txt": "hello" * 1000})
    assert tarballs.listing(Trickle(packed)) == tarballs.listing(io.BytesIO(packed))


@pytest.mark.parametrize("cut", [1, 20, 100, -1, -9])
def test_a_damaged_tarball_is_refused(cut):
    packed = tarball(BASE, {"a.txt": "a" * 3000})
    with pytest.raises(Invalid):
        tarballs.listing(io.BytesIO(packed[:cut]))


def test_what_inspect_refuses_is_not_listed_either():
    with pytest.raises(Invalid):
        tarballs.listing(io.BytesIO(payloads.packed(payloads.entry("package/../../etc/passwd", b"x"))))


# --- manifests ---------------------------------------------------------------------------------------------------


def test_what_is_the_same_is_not_told():
    assert comparison.findings(side(), side(version="1.0.1", description="other", scripts={"test": "other"})) == []


WARNINGS = [
    ("Runs something new when it is installed", {}, {"scripts": {"postinstall": "x.js"}}, "postinstall: x.js"),
    ("Runs something else when it is installed", {"scripts": {"install": "a"}}, {"scripts": {"install": "b"}}, "a → b"),
    ("Brings new commands", {}, {"bin": {"git": "evil.js"}}, "git: evil.js"),
    ("Commands run another file", {"bin": {"x": "a.js"}}, {"bin": {"x": "b.js"}}, "x: a.js → b.js"),
    ("New dependencies", {}, {"dependencies": {"left-pad": "^1"}}, "left-pad: ^1"),
    ("New optional dependencies", {}, {"optionalDependencies": {"left-pad": "^1"}}, "left-pad: ^1"),
    ("New peer dependencies", {}, {"peerDependencies": {"react": "*"}}, "react: *"),
    ("Carries dependencies inside itself", {}, {"bundleDependencies": ["left-pad"]}, "left-pad"),
    ("The licence changed", {}, {"license": "UNLICENSED"}, "MIT → UNLICENSED"),
    ("It comes from another repository", {"repository": {"url": "a"}}, {"repository": {"url": "b"}}, "a → b"),
]  # fmt: skip


@pytest.mark.parametrize(("title", "before", "after", "line"), WARNINGS, ids=[each[0] for each in WARNINGS])
def test_warnings(title, before, after, line):
    weight, lines = told(side(**before), side(**after))[title]
    assert weight == Weight.WARNING
    assert any(line in each for each in lines), lines


ELSEWHERE = """git+ssh://git@github.com/u/r.git u/r github:u/r file:../x https://example.com/x.tgz npm:other@1 ./x x.tgz
    C:\\x link:../x workspace:* ..\\x""".split()
PLAIN = ["^2.0.0", ">=1 <3", "1.x || 2.x", "latest", "*", "", "~1.2.3-beta.1", "1 - 2"]


@pytest.mark.parametrize("range_", ELSEWHERE)
def test_a_dependency_that_comes_from_elsewhere_now_is_a_warning(range_):
    found = told(side(dependencies={"a": "^1.0.0"}), side(dependencies={"a": range_}))
    assert found["Takes dependencies from elsewhere"][0] == Weight.WARNING


@pytest.mark.parametrize("range_", PLAIN)
def test_another_range_is_a_note(range_):
    found = told(side(dependencies={"a": "^1.0.0"}), side(dependencies={"a": range_}))
    assert found == {"Other versions of dependencies": (Weight.NOTE, (f"a: ^1.0.0 → {range_}",))}


def test_notes():
    before = side(
        scripts={"install": "x"}, bin={"x": "x"}, dependencies={"a": "1"}, os=["linux"], engines={"node": ">=18"}
    )
    found = told(before, side(scripts={}, engines={"node": ">=20"}, author={"name": "Mallory"}))
    assert {title: lines for title, (weight, lines) in found.items() if weight == Weight.NOTE} == {
        "No longer runs when it is installed": ("install: x",),
        "Takes commands away": ("x: x",),
        "Fewer dependencies": ("a: 1",),
        "Asks for other engines": ("node >=18 → node >=20",),
        "Asks for other operating systems": ("linux → any",),
        "Names another author": ("nobody → Mallory",),
    }
    assert not [title for title, (weight, _) in found.items() if weight == Weight.WARNING]


def test_where_it_comes_from():
    found = told(side(publisher="uma", built=True), side(publisher="hugo"))
    assert found["Does not say where it was built, as the version before does"][0] == Weight.WARNING
    assert found["Comes from somebody else than the version before"] == (Weight.WARNING, ("uma → hugo",))
    assert told(side(), side(built=True)) == {}


def test_a_jump_in_size():
    assert "Is more than twice as large" in told(side(unpacked_size=300_000), side(unpacked_size=700_000))
    assert told(side(unpacked_size=1_000), side(unpacked_size=9_000)) == {}
    assert "Has more than twice as many files" in told(side(file_count=10), side(file_count=31))
    assert told(side(file_count=2), side(file_count=9)) == {}


def test_of_a_first_version_only_what_runs_by_itself_is_a_warning():
    after = side(scripts={"postinstall": "x"}, bin={"x": "x.js"}, dependencies={"a": "1"}, license="MIT")
    found = comparison.findings(None, after)
    assert [each.title for each in found if each.weight == Weight.WARNING] == [
        "Runs something new when it is installed"
    ]
    assert [each.title for each in found if each.weight == Weight.NOTE] == ["Brings new commands", "New dependencies"]


def test_warnings_stand_first():
    found = comparison.findings(side(), side(engines={"node": "20"}, scripts={"install": "x"}, os=["linux"]))
    assert [each.weight for each in found] == sorted((each.weight for each in found), reverse=True)


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "x", "\0", "é" * 400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=3),
    max_leaves=6,
)
FIELDS = [
    *comparison.INSTALLED,
    *comparison.LEGAL,
    *comparison.DEMANDS,
    "scripts",
    "bin",
    "bundleDependencies",
    "author",
]


@given(st.dictionaries(st.sampled_from(FIELDS), ODD), st.dictionaries(st.sampled_from(FIELDS), ODD))
def test_no_manifest_however_odd_breaks_it(before, after):
    for each in comparison.findings(side(**before), side(**after)):
        assert isinstance(each.title, str)
        assert all(isinstance(line, str) for line in each.lines)


# --- lines -------------------------------------------------------------------------------------------------------


def shown(before: str | bytes, after: str | bytes, **budget) -> list[str]:
    sides = (text.encode() if isinstance(text, str) else text for text in (before, after))
    return [line.shown for line in diffs.between(*sides, Budget(**budget)).lines]


def test_the_lines_that_differ_and_three_around():
    before = "".join(f"{number}\n" for number in range(20))
    assert shown(before, before.replace("\n10\n", "\nten\n")) == [
        "@@ -8,7 +8,7 @@", " 7", " 8", " 9", "-10", "+ten", " 11", " 12", " 13",
    ]  # fmt: skip


def test_a_new_and_a_removed_file():
    assert shown("", "a\nb\n") == ["@@ -1,0 +1,2 @@", "+a", "+b"]
    assert shown("a\nb\n", "") == ["@@ -1,2 +1,0 @@", "-a", "-b"]
    assert shown("a", "a") == shown("", "") == []


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\0", b"a\0b", b"\xff\xfe", "é".encode("latin-1")])
def test_what_is_no_text_is_not_shown(data):
    for sides in ((data, b"x"), (b"x", data)):
        found = diffs.between(*sides, Budget())
        assert (found.lines, found.note) == ([], "not text")


HIDDEN = {
    "a\u202eb": "+a\\u202eb",
    "a\u200bb": "+a\\u200bb",
    "a\x1b[31mb": "+a\\u001b[31mb",
    "a\u2028b": "+a\\u2028b",
    "a\U000e0100b": "+a\\u{e0100}b",
    "a\ufe01b": "+a\\ufe01b",
    "a\u00a0b": "+a\\u00a0b",
    "a\tb é 漢 \\ &<b>": "+a\tb é 漢 \\ &<b>",
}


@pytest.mark.parametrize("text", HIDDEN)
def test_what_draws_nothing_or_turns_the_text_round_is_spelled_out(text):
    assert shown("", text)[1:] == [HIDDEN[text]]


def test_a_long_line_is_cut_and_says_so():
    assert shown("", "x" * 600)[1] == "+" + "x" * 500 + " … and 100 more characters"


def test_the_budget_ends_it_and_it_says_so():
    budget = Budget(characters=10)
    found = diffs.between(b"", b"aaaa\nbbbb\ncccc\n", budget)
    assert found.note == "more than fits on this page"
    assert diffs.between(b"", b"a\n", budget).note == "more than fits on this page"
    assert diffs.between(b"a\nb\na\n", b"b\na\nb\n", Budget(steps=3)).note == "too different to show line by line"


def test_a_long_file_with_one_change_costs_little():
    before = "".join(f"line {number}\n" for number in range(5000))
    assert len(shown(before, before.replace("line 2500\n", "other\n"), steps=10)) == 9


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a\n" * 60_000, "b\na\n" * 30_000),
        ("".join(f"{n % 40}\n" for n in range(900)), "".join(f"{n * 7 % 40}\n" for n in range(900))),
        ("".join(f"{n}\n" for n in range(9000)), "".join(f"{n}\n" for n in reversed(range(9000)))),
    ],
    ids=["two lines", "few lines", "turned round"],
)
def test_the_worst_texts_end_soon(old, new):
    began = time.process_time()
    assert shown(old, new) == [], "too different to be worth the work"
    assert time.process_time() - began < 30


TEXT = st.lists(st.sampled_from("abc"), max_size=12).map(lambda lines: "".join(f"{line}\n" for line in lines))


@settings(max_examples=300)
@given(TEXT, TEXT)
def test_a_diff_turns_one_text_into_the_other(before, after):
    found = diffs.between(before.encode(), after.encode(), Budget()).lines
    removed = [line.text for line in found if line.kind == "removed"]
    added = [line.text for line in found if line.kind == "added"]
    rest_before, rest_after = before.split("\n"), after.split("\n")
    for line in removed:
        rest_before.remove(line)
    for line in added:
        rest_after.remove(line)
    assert sorted(rest_before) == sorted(rest_after)
    assert bool(found) is (before != after)
