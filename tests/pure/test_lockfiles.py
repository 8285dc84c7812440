"""Lockfiles that the real clients wrote for one small project, read to the same list; and files that are none."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from packages import lockfiles
from packages.lockfiles import Pinned
from packages.lockfiles.found import host_of
from registry_site.errors import Invalid, Malformed, Refusal, TooLarge

FOLDER = Path(__file__).resolve().parents[1] / "lockfiles"
# is-odd ^3, left-pad under the name pad, a scope, chokidar with its optional fsevents, a folder beside it.
TREE = {
    "@types/estree@1.0.10", "anymatch@3.1.3", "binary-extensions@2.3.0", "braces@3.0.3", "chokidar@3.6.0",
    "fill-range@7.1.1", "fsevents@2.3.3", "glob-parent@5.1.2", "is-binary-path@2.1.0", "is-extglob@2.1.1",
    "is-glob@4.0.3", "is-number@6.0.0", "is-number@7.0.0", "is-odd@3.0.1", "left-pad@1.3.0", "normalize-path@3.0.0",
    "picomatch@2.3.2", "readdirp@3.6.0", "to-regex-range@5.0.1",
}  # fmt: skip
MS = {"ms@2.1.3"}  # asked for by its address in the registry
WRITTEN = {
    "npm6-package-lock.json": (TREE, {"beside", "from-git"}),
    "npm8-package-lock.json": (TREE | MS, {"beside", "from-git"}),
    "npm12-package-lock.json": (TREE | MS, {"beside"}),
    "npm12-omit-package-lock.json": (TREE, {"beside"}),
    "npm-shrinkwrap.json": (TREE | MS, {"beside", "from-git"}),
    "pnpm8-pnpm-lock.yaml": (TREE | MS, {"beside"}),
    "pnpm9-pnpm-lock.yaml": (TREE | MS, {"beside", "from-git"}),
    "pnpm12-pnpm-lock.yaml": (TREE | MS, {"beside", "from-git"}),
    "yarn1-yarn.lock": (TREE | MS, {"beside", "from-git"}),
    "bun1-bun.lock": (TREE, {"beside", "from-git", "ms"}),  # bun says no number of what it has by address
}


def read(name: str):
    return lockfiles.read(name, (FOLDER / name).read_bytes())


@pytest.mark.parametrize("name", WRITTEN)
def test_what_a_client_wrote_is_read_whole(name):
    found, (tree, aside) = read(name), WRITTEN[name]
    assert {str(each) for each in found.pinned.values()} == tree
    assert set(found.elsewhere) == aside
    assert {each.host for each in found.pinned.values()} <= {"", "registry.example"}


def test_yarn_4_with_a_workspace_and_patches():
    found = read("yarn4-yarn.lock")
    names = {str(each) for each in found.pinned.values()}
    assert names >= TREE | MS | {"is-odd@2.0.0", "typescript@5.4.5", "node-gyp@13.1.0"}
    assert set(found.elsewhere) == {"beside"}
    assert "w" not in {each.name for each in found.pinned.values()}


def test_what_the_bytes_have_to_be_comes_along():
    said = {each: read(each).pinned["left-pad", "1.3.0"].integrity for each in WRITTEN}
    assert {value[:12] for value in said.values()} == {"sha512-XI5MP"}
    assert read("yarn4-yarn.lock").pinned["left-pad", "1.3.0"].integrity == ""


def test_two_lockfiles_become_one_list():
    one, other = read("yarn4-yarn.lock"), read("npm12-package-lock.json")
    one.merge(other)
    assert {str(each) for each in other.pinned.values()} <= {str(each) for each in one.pinned.values()}
    assert one.pinned["left-pad", "1.3.0"].integrity.startswith("sha512-")


@pytest.mark.parametrize(
    ("link", "host"),
    [
        ("https://registry.example/left-pad/-/left-pad-1.3.0.tgz", "registry.example"),
        ("http://127.0.0.1:8000/npm/left-pad/-/left-pad-1.3.0.tgz", "127.0.0.1:8000"),
        ("https://somebody:secret@registry.example/left-pad/-/left-pad-1.3.0.tgz", "registry.example"),
        ("https://files.example/left-pad.tgz", None),
        ("https://registry.example/other/-/other-1.3.0.tgz", None),
        ("ftp://registry.example/left-pad/-/left-pad-1.3.0.tgz", None),
        ("https://[registry.example/left-pad/-/left-pad-1.3.0.tgz", None),
    ],
)
def test_a_link_is_a_registrys_only_where_registries_have_tarballs(link, host):
    assert host_of(link, "left-pad", "1.3.0") == host


def test_what_comes_inside_another_tarball_is_not_asked_for():
    entries = {
        "": {"name": "app"},
        "packages/w": {"name": "w", "version": "1.0.0"},
        "node_modules/w": {"resolved": "packages/w", "link": True},
        "node_modules/npm": {"version": "9.0.0", "resolved": "https://r.example/npm/-/npm-9.0.0.tgz"},
        "node_modules/npm/node_modules/ini": {"version": "1.0.0", "inBundle": True},
    }
    found = lockfiles.read("package-lock.json", json.dumps({"lockfileVersion": 3, "packages": entries}).encode())
    assert list(found.pinned.values()) == [Pinned("npm", "9.0.0", "", "r.example")]
    assert set(found.elsewhere) == {"w"}


def test_of_pnpms_two_documents_both_are_read():
    lock = b"lockfileVersion: '9.0'\npackages:\n  pnpm@12.0.0:\n    resolution: {integrity: sha512-x}\n---\n"
    lock += b"lockfileVersion: '9.0'\npackages:\n  ms@2.1.3(peer@1.0.0):\n    resolution: {integrity: sha512-y}\n"
    assert {str(each) for each in lockfiles.read("pnpm-lock.yaml", lock).pinned.values()} == {"pnpm@12.0.0", "ms@2.1.3"}


def test_yarn_says_where_another_registry_has_a_tarball():
    where = "https%3A%2F%2Fnpm.corp.example%2F%40corp%2Fx%2F-%2Fx-1.0.0.tgz"
    entry = f'"@corp/x@npm:^1":\n  version: 1.0.0\n  resolution: "@corp/x@npm:1.0.0::__archiveUrl={where}"\n'
    found = lockfiles.read("yarn.lock", f"__metadata:\n  version: 8\n{entry}".encode())
    assert list(found.pinned.values()) == [Pinned("@corp/x", "1.0.0", "", "npm.corp.example")]


BOMB = b"a: &a [x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\n"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("package.json", b"{}"),
        ("bun.lockb", b"\x00"),
        ("package-lock.json", b""),
        ("package-lock.json", b"[]"),
        ("package-lock.json", b"{}"),
        ("package-lock.json", b'{"lockfileVersion": 1, "dependencies": []}'),
        ("package-lock.json", b"[" * 100_000),
        ("pnpm-lock.yaml", b"\xff\xfe"),
        ("pnpm-lock.yaml", b"lockfileVersion: 5.4\npackages: {}\n"),
        ("pnpm-lock.yaml", b"lockfileVersion: '9.0'\npackages: [1]\n"),
        ("pnpm-lock.yaml", b"lockfileVersion: '9.0'\n" + BOMB),
        ("pnpm-lock.yaml", b"!!python/object/apply:os.system [id]"),
        ("pnpm-lock.yaml", b"{" * 50_000),
        ("yarn.lock", b"left-pad@1:\n  version 1.0.0\n"),
        ("yarn.lock", b"__metadata:\n  - [\n"),
        ("bun.lock", b"{,}"),
        ("bun.lock", b'{"packages": {}}'),
        ("bun.lock", b'{"lockfileVersion": 1, "packages": 3}'),
    ],
)
def test_what_is_no_lockfile_is_refused_in_one_sentence(name, data):
    with pytest.raises((Invalid, Malformed)) as refused:
        lockfiles.read(f"some/{name}", data)
    assert refused.value.message.startswith(f"some/{name}: ")


ODD = ["null", "1", '"x"', "[]", "{}", '{"version": 3}', '{"version": "1.0.0", "resolved": 5}']
NEW, OLD = (
    '{"lockfileVersion": 3, "packages": {"node_modules/x": %s}}',
    '{"lockfileVersion": 1, "dependencies": {"x": %s}}',
)


@pytest.mark.parametrize("value", ODD)
def test_entries_of_no_shape_hurt_nobody(value):
    for whole in (NEW, OLD):
        found = lockfiles.read("package-lock.json", (whole % value).encode())
        assert len(found.pinned) + len(found.elsewhere) <= 1
    lockfiles.read("bun.lock", f'{{"lockfileVersion": 1, "packages": {{"x": {value}, }}, }}'.encode())
    lockfiles.read("pnpm-lock.yaml", f"lockfileVersion: '9.0'\npackages: {{x@1.0.0: {value}}}\n".encode())
    lockfiles.read("yarn.lock", f"__metadata: {{version: 8}}\nx: {value}\n".encode())


def test_too_much_is_too_much(monkeypatch):
    monkeypatch.setattr("packages.lockfiles.reading.MAX_BYTES", 10)
    with pytest.raises(TooLarge):
        lockfiles.read("yarn.lock", b"x" * 11)


@pytest.mark.parametrize("text", ['\\"' * 50_000, '"' + "\\" * 100_000, "," + " " * 100_000, ",  " * 50_000])
def test_hostile_text_is_refused_and_costs_no_time(text):
    before = time.process_time()
    with pytest.raises(Refusal):
        lockfiles.read("bun.lock", text.encode())
    assert time.process_time() - before < 10
