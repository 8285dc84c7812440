"""Manifests: served from the tarball, compared with what was sent, and no honest client is refused."""

from __future__ import annotations

from typing import Any

import pytest

from packages.manifests import check, clean_message, derive, differences, normalise
from packages.tarballs import Facts
from registry_site.errors import Invalid

WIDGET = {"name": "@acme/widget", "version": "1.0.0"}


def facts(*files: str, gyp: bool = False, shrinkwrap: bool = False, **package_json: Any) -> Facts:
    return Facts(
        package_json={**WIDGET, **package_json},
        files=[(path, 1, 0o644) for path in ("package.json", *files)],
        file_count=1,
        unpacked_size=1,
        readme="# hi",
        readme_filename="README.md",
        has_gyp=gyp,
        has_shrinkwrap=shrinkwrap,
    )


# What clients make of a package.json, recorded from npm 2, 6, 8, 10, 12, pnpm 9 and 12, yarn 1 and 4, bun 1:
# client, the tarball's package.json, the manifest sent. Keys that none of them touched are left out.
RECORDED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "npm 2-8",
        {"dependencies": {"a": "1"}, "optionalDependencies": {"b": "^2"}},
        {"dependencies": {"a": "1", "b": "^2"}, "optionalDependencies": {"b": "^2"}},
    ),
    ("npm 2-8", {"optionalDependencies": {"a": "1"}}, {"dependencies": {"a": "1"}, "optionalDependencies": {"a": "1"}}),
    (
        "npm 2-8",
        {"dependencies": {"a": "1"}, "optionalDependencies": {"a": "2"}},
        {"dependencies": {"a": "2"}, "optionalDependencies": {"a": "2"}},
    ),
    ("npm 2-8", {"optionalDependencies": {}}, {"optionalDependencies": {}, "dependencies": {}}),
    (
        "yarn 1",
        {"dependencies": {"f": "2", "k": "1"}, "optionalDependencies": {"f": "2"}},
        {"dependencies": {"k": "1"}, "optionalDependencies": {"f": "2"}},
    ),
    ("npm", {"dependencies": ["a", "b@^2"]}, {"dependencies": {"a": "", "b": "^2"}}),
    ("npm", {"dependencies": {"a": 1, "b": None, "c": "1"}}, {"dependencies": {"c": "1"}}),
    (
        "npm",
        {"dependencies": {"c": "u/r", "d": "u/r#abc"}},
        {"dependencies": {"c": "github:u/r", "d": "github:u/r#abc"}},
    ),
    (
        "npm",
        {"dependencies": {"b": "git@github.com:u/r.git"}},
        {"dependencies": {"b": "git+ssh://git@github.com/u/r.git"}},
    ),
    (
        "npm",
        {"dependencies": {"a": "git+https://github.com/u/r"}},
        {"dependencies": {"a": "git+https://github.com/u/r.git"}},
    ),
    (
        "npm",
        {"dependencies": {"a": "1"}, "bundleDependencies": ["a", "z"]},
        {"dependencies": {"a": "1", "z": "*"}, "bundleDependencies": ["a", "z"]},
    ),
    (
        "npm",
        {"bundledDependencies": ["a"], "dependencies": {"a": "1"}},
        {"bundleDependencies": ["a"], "dependencies": {"a": "1"}},
    ),
    (
        "npm",
        {"bundledDependencies": True, "dependencies": {"a": "1"}},
        {"bundleDependencies": ["a"], "dependencies": {"a": "1"}},
    ),
    ("npm 2", {"bundleDependencies": True}, {}),
    ("npm 10", {"bundleDependencies": False}, {"bundleDependencies": []}),
    ("npm", {"bin": "./cli.js"}, {"bin": {"widget": "cli.js"}}),
    ("bun", {"bin": "cli.js"}, {"bin": {"@acme/widget": "cli.js"}}),
    ("npm", {"bin": ["./a.js", "x/b.js"]}, {"bin": {"a.js": "a.js", "b.js": "x/b.js"}}),
    ("npm 2", {"bin": ["./a.js", "x/b.js"]}, {"bin": {"b.js": "x/b.js"}}),
    (
        "npm",
        {"bin": {"b": "../b.js", "c": "/c.js", "./e/f": "x/./y.js", "w\\x": "x\\y.js", "g": 3}},
        {"bin": {"b": "b.js", "c": "c.js", "f": "x/y.js", "x": "x/y.js"}},
    ),
    ("bun", {"bin": {"./e/f": "x/./y.js"}}, {"bin": {"e/f": "x/y.js"}}),
    ("yarn 1", {"bin": {"a": "./a.js", "b": "../b.js"}}, {"bin": {"a": "a.js"}}),
    ("npm", {"bin": {}}, {}),
    ("npm", {"directories": {"bin": "./bin"}}, {"bin": {"a.js": "bin/a.js", "sub": "bin/sub", "b.js": "bin/sub/b.js"}}),
    ("npm", {}, {"scripts": {"install": "node-gyp rebuild"}, "gypfile": True}),
    ("yarn 1", {"scripts": {"preinstall": "x"}}, {"scripts": {"preinstall": "x", "install": "node-gyp rebuild"}}),
    ("npm", {}, {"scripts": {"start": "node server.js"}}),
    ("npm 2", {}, {"scripts": {}}),
    ("npm", {"scripts": {"x": 3, "install": "y", "n": None}}, {"scripts": {"install": "y"}}),
    ("npm", {"scripts": "x"}, {"scripts": {}}),
    ("npm", {"scripts": {"postinstall": "node_modules/.bin/foo"}}, {"scripts": {"postinstall": "foo"}}),
    ("npm", {"scripts": {"_postinstall": "x"}}, {"scripts": {"postinstall": "x", "prepack": "pinst --disable"}}),
    ("npm", {"version": " =v1.0.0+b"}, {"version": "1.0.0"}),
    ("yarn 4", {"version": "=1.0.0"}, {"version": "=1.0.0"}),
    ("yarn 1", {"engines": ["node >= 1"]}, {"engines": {"node": ">= 1"}}),
    ("npm", {"os": "linux", "cpu": []}, {"os": "linux", "cpu": []}),
    ("npm", {"bin": None, "engines": None, "os": None, "dependencies": None}, {}),
    ("bun", {}, {"integrity": "sha512-x", "shasum": "x", "_integrity": "sha512-x"}),
    ("npm 6", {"author": "A <a@b.c>"}, {"author": {"name": "A"}, "_npmUser": {"email": "a@b.c"}, "readme": "x"}),
    ("yarn 1", {"devDependencies": {"x": "workspace:~"}}, {"devDependencies": {}}),
]


@pytest.mark.parametrize(("client", "package_json", "sent"), RECORDED)
def test_a28_what_clients_change_is_no_difference(client, package_json, sent):
    assert differences(WIDGET | package_json, WIDGET | sent) == []


@pytest.mark.parametrize(
    ("field", "package_json", "sent"),
    [
        ("name", {}, {"name": "@acme/gadget"}),
        ("version", {}, {"version": "1.0.1"}),
        ("version", {}, {"version": None}),
        ("dependencies", {"dependencies": {"evil": "1"}}, {}),
        ("dependencies", {}, {"dependencies": {"evil": "1"}}),
        ("dependencies", {"dependencies": {"a": "1"}}, {"dependencies": {"a": "2"}}),
        ("dependencies", {"dependencies": {"a": "u/evil"}}, {"dependencies": {"a": "github:u/good"}}),
        ("dependencies", {"dependencies": {"a": "u/r#evil"}}, {"dependencies": {"a": "u/r#good"}}),
        ("optionalDependencies", {"optionalDependencies": {"a": "1"}}, {}),
        ("peerDependencies", {"peerDependencies": {"a": "1"}}, {"peerDependencies": {"a": "*"}}),
        ("peerDependenciesMeta", {"peerDependenciesMeta": {"a": {"optional": True}}}, {}),
        ("bundleDependencies", {"bundleDependencies": ["a"]}, {}),
        ("bin", {"bin": "evil.js"}, {}),
        ("bin", {"bin": {"npm": "evil.js"}}, {"bin": {"widget": "good.js"}}),
        ("bin", {"bin": {"x": "evil.js"}}, {"bin": {"x": "good.js"}}),
        ("bin", {}, {"bin": {"npm": "x.js"}}),
        ("scripts", {"scripts": {"postinstall": "evil"}}, {}),
        ("scripts", {"scripts": {"install": "evil"}}, {"scripts": {"install": "node-gyp rebuild"}}),
        ("scripts", {"scripts": {"test": "evil"}}, {"scripts": {"test": "good"}}),
        ("engines", {"engines": {"node": ">=99"}}, {"engines": {"node": ">=4"}}),
        ("os", {"os": ["linux"]}, {}),
        ("cpu", {"cpu": ["x64"]}, {"cpu": ["arm64"]}),
        ("libc", {"libc": "musl"}, {"libc": ["glibc"]}),
    ],
)
def test_a28_manifest_differs_from_the_tarball(field, package_json, sent):
    assert differences(WIDGET | package_json, WIDGET | sent) == [field]


def test_a28_install_script_denied():
    scripts = {"scripts": {"postinstall": "x"}}
    assert differences(WIDGET | scripts, WIDGET | scripts | {"hasInstallScript": False}) == ["hasInstallScript"]


def test_derive_takes_the_tarball_s_word():
    manifest = derive(
        facts(dependencies={"a": "1"}, description="real"),
        {"dependencies": {"evil": "1"}, "description": "fake", "x": 1},
    )
    assert manifest == {**WIDGET, "dependencies": {"a": "1"}, "description": "real", "_id": "@acme/widget@1.0.0"}


def test_derive_takes_where_it_was_made_from_the_client():
    sent = {"gitHead": "a" * 40, "_nodeVersion": "24.0.0", "_npmVersion": "12.2.0", "_from": "x"}
    assert derive(facts(gitHead="forged", _npmVersion="1"), sent) == normalise(WIDGET) | {
        "gitHead": "a" * 40,
        "_nodeVersion": "24.0.0",
        "_npmVersion": "12.2.0",
        "_id": "@acme/widget@1.0.0",
    }


@pytest.mark.parametrize("value", ["x" * 1000, 1, None, {"a": 1}, "a\nb", "\x1b[31m"])
def test_derive_leaves_odd_claims_out(value):
    assert "_nodeVersion" not in derive(facts(), {"_nodeVersion": value})


def test_derive_drops_what_the_server_says():
    server = {
        "dist": {"shasum": "x"},
        "_npmUser": {},
        "maintainers": ["x"],
        "deprecated": "no",
        "readme": "text",
        "readmeFilename": "R",
        "_id": "evil",
        "_hasShrinkwrap": True,
        "hasInstallScript": True,
        "gypfile": True,
        "_resolved": "/tmp/x",
        "integrity": "x",
    }
    assert derive(facts(**server), server) == WIDGET | {"_id": "@acme/widget@1.0.0"}


def test_derive_normalises():
    manifest = derive(
        facts(version="v1.0.0+b", bin="./cli.js", bundledDependencies=["a"], os="linux", scripts={"x": 1, "y": "z"}), {}
    )
    assert manifest == {
        **WIDGET,
        "_id": "@acme/widget@1.0.0",
        "bin": {"widget": "cli.js"},
        "bundleDependencies": ["a"],
        "os": ["linux"],
        "scripts": {"y": "z"},
    }


def test_derive_leaves_people_and_places_as_written():
    told = {
        "author": "A <a@b.c>",
        "repository": "acme/widget",
        "bugs": {"url": "javascript:1"},
        "funding": ["x"],
        "license": {"a": 1},
    }
    assert derive(facts(**told), {}).items() >= told.items()


def test_derive_finds_the_folder_of_commands():
    manifest = derive(facts("bin/a", "bin/sub/b.js", "bin/.c", "binary/d", directories={"bin": "./bin/"}), {})
    assert manifest["bin"] == {"a": "bin/a", "b.js": "bin/sub/b.js"}


@pytest.mark.parametrize(
    ("gyp", "package_json", "script", "computed"),
    [
        (True, {}, "node-gyp rebuild", True),
        (True, {"gypfile": False}, None, None),
        (True, {"scripts": {"preinstall": "x"}}, None, True),
        (True, {"scripts": {"install": "x"}}, "x", True),
        (True, {"scripts": {"test": "x"}}, "node-gyp rebuild", True),
        (False, {"scripts": {"postinstall": "x"}}, None, True),
        (False, {"scripts": {"test": "x"}, "hasInstallScript": True}, None, None),
    ],
)
def test_a40_install_scripts_are_computed(gyp, package_json, script, computed):
    manifest = derive(facts(gyp=gyp, **package_json), {"hasInstallScript": False})
    assert manifest.get("scripts", {}).get("install") == script
    assert manifest.get("hasInstallScript") == computed


def test_derive_tells_of_a_shrinkwrap():
    assert derive(facts(shrinkwrap=True), {})["_hasShrinkwrap"] is True


@pytest.mark.parametrize(
    "package_json", [{"name": None}, {"name": 1}, {"version": None}, {"version": "one"}, {"version": 1}]
)
def test_derive_without_name_or_version(package_json):
    with pytest.raises(Invalid):
        derive(facts(**package_json), {})


@pytest.mark.parametrize("odd", [None, 1, "x", [], [1, None, {}], {}, {"a": None}, {"a": {"b": 1}}, True])
def test_no_field_has_a_type_that_breaks_us(odd):
    fields = "dependencies optionalDependencies peerDependencies peerDependenciesMeta bundleDependencies"
    for field in (*fields.split(), "bin", "scripts", "engines", "os", "directories"):
        check(derive(facts(**{field: odd}), {field: odd}))
        differences(WIDGET | {field: odd}, WIDGET)
        differences(WIDGET, WIDGET | {field: odd})


@pytest.mark.parametrize("field", ["dependencies", "optionalDependencies", "peerDependencies", "devDependencies"])
def test_a41_dependencies(field):
    check({field: {f"d{number}": "x" * 1024 for number in range(2000)}})
    check({field: {"a": "git+https://x/y", "b": "file:../x", "c": "npm:@x/y@^1", "d": "link:z"}})
    for bad in ({f"d{number}": "1" for number in range(2001)}, {"a": "x" * 1025}, {"__proto__": "1"}):
        with pytest.raises(Invalid):
            check({field: bad})


@pytest.mark.parametrize(
    "manifest", [{"__proto__": {}}, {"bin": {"__proto__": "x"}}, {"exports": [{"a": [{"__proto__": 1}]}]}]
)
def test_a41_proto_anywhere(manifest):
    with pytest.raises(Invalid):
        check(manifest)


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x\udfff"])
def test_a10_texts_nobody_can_store(text):
    for manifest in ({"description": text}, {"keywords": ["x", text]}, {"x": {text: 1}}):
        with pytest.raises(Invalid):
            check(manifest)


def test_a14_description():
    check({"description": "x" * 65536, "license": "y" * 10**5})
    with pytest.raises(Invalid):
        check({"description": "x" * 65537})


@pytest.mark.parametrize("text", ["use 2.x instead", "", "<b>old</b> & „alt“ ❌", "x" * 1024])
def test_a53_messages(text):
    assert clean_message(text) == text


@pytest.mark.parametrize(
    "text", ["x" * 1025, "ü" * 513, "a\nb", "\x1b[31mred", "a\0", "\x9b31m", "\x7f", "a\u202eb", "\ud800"]
)
def test_a53_messages_that_hurt_a_terminal(text):
    with pytest.raises(Invalid):
        clean_message(text)
