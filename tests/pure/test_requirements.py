"""What a manifest asks for: ranges, tags, aliases, and what comes from elsewhere."""

from __future__ import annotations

import pytest

from packages import requirements


@pytest.mark.parametrize(
    ("key", "text", "name", "wanted"),
    [
        ("left-pad", "^1.0.0", "left-pad", "^1.0.0"),
        ("@acme/x", ">=1 <3 || 5.x", "@acme/x", ">=1 <3 || 5.x"),
        ("x", "", "x", "*"),
        ("x", " latest ", "x", "latest"),
        ("mine", "npm:@acme/x@^2.0.0", "@acme/x", "^2.0.0"),
        ("mine", "npm:@acme/x", "@acme/x", "*"),
        ("mine", "npm:left-pad@", "left-pad", "*"),
        ("mine", "npm:../x@1", "", ""),
        ("x", "git+ssh://git@example.com/a/b.git#main", "", ""),
        ("x", "acme/x#semver:^1", "", ""),
        ("x", "file:../x", "", ""),
        ("x", "workspace:*", "", ""),
        ("x", "https://example.com/x.tgz", "", ""),
        ("x", "x-1.0.0.tgz", "", ""),
        ("Not A Name", "^1.0.0", "", ""),
        ("x", "1" * 2000, "", ""),
    ],
)
def test_an_entry_names_a_package_or_comes_from_elsewhere(key, text, name, wanted):
    (found,) = requirements.listed({"devDependencies": {key: text}})
    assert (found.key, found.text, found.name, found.range) == (key, text, name, wanted)
    assert found.is_alias is (name not in ("", key))


def test_kinds_come_in_their_order_and_what_is_optional_once():
    manifest = {
        "devDependencies": {"d": "1"},
        "dependencies": {"b": "1", "a": "1", "o": "1"},
        "optionalDependencies": {"o": "2"},
        "peerDependencies": {"a": "3"},
    }
    found = [(each.kind, each.key) for each in requirements.listed(manifest)]
    assert found == [
        ("dependencies", "a"),
        ("dependencies", "b"),
        ("peerDependencies", "a"),
        ("optionalDependencies", "o"),
        ("devDependencies", "d"),
    ]


@pytest.mark.parametrize("value", [None, [], "x", {"x": 1}, {"x": None}, {"x": {}}])
def test_odd_fields_ask_for_nothing(value):
    assert list(requirements.listed({"dependencies": value})) == []
