"""The rules for upstream versions, cell by cell: what is held back, why, until when, and which rules count for whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from packages.models.rules import Rule
from packages.rules import composing, engine, licenses, telling, values
from packages.rules.composing import Effective, Layer
from packages.rules.engine import Block, Check, Exemption, Hold, Source
from packages.rules.values import Values
from registry_site.errors import Invalid, status_of

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SOURCE = Source("House rules", 3)
ACME = Source("Acme rules", 1, "acme")


@dataclass
class Fact:
    number: str
    published_at: datetime | None = NOW - timedelta(days=400)
    seen_at: datetime = NOW - timedelta(days=1)
    deprecated: str = ""
    license: str = "MIT"
    has_install_script: bool = False


def young(number: str = "2.0.0", **age) -> Fact:
    return Fact(number, published_at=NOW - timedelta(**(age or {"days": 2})))


def check(rule: Rule, *value, exemptions=()) -> Check:
    return Check(rule, value, tuple(exemptions), SOURCE)


def exempt(package: str = "x", range: str = "", days: int = 5) -> Exemption:
    return Exemption(package, range, NOW + timedelta(days=days))


def held(checks, *facts, name: str = "x", fixes=()) -> dict[str, Hold]:
    return engine.held(checks, name, facts, NOW, fixes)


COOLDOWN = check(Rule.COOLDOWN, 7)


# --- each rule ---------------------------------------------------------------------------------------------------


def test_a_young_version_waits_and_an_old_one_does_not():
    found = held([COOLDOWN], young(), young("1.0.0", days=8), young("1.1.0", days=7))
    assert list(found) == ["2.0.0"]
    hold = found["2.0.0"]
    assert (hold.rule, hold.until) == (Rule.COOLDOWN, NOW + timedelta(days=5))
    assert hold.reason == "upstream published it 2 days ago, and new versions wait 7 days"


@pytest.mark.parametrize(
    ("age", "words"),
    [
        ({"seconds": 5}, "a moment ago"),
        ({"minutes": 1}, "1 minute ago"),
        ({"minutes": 59}, "59 minutes ago"),
        ({"hours": 1}, "1 hour ago"),
        ({"hours": 23}, "23 hours ago"),
        ({"days": 1}, "1 day ago"),
        ({"days": -2}, "a moment ago"),
    ],
)
def test_its_age_in_words(age, words):
    assert f"published it {words}," in held([COOLDOWN], young(**age))["2.0.0"].reason


def test_where_upstream_does_not_say_when_it_counts_from_when_it_was_seen():
    unknown = Fact("2.0.0", published_at=None)
    hold = held([COOLDOWN], unknown)["2.0.0"]
    assert hold.until == NOW + timedelta(days=6)
    assert hold.reason.startswith("it was first seen here 1 day ago")
    assert not held([COOLDOWN], Fact("2.0.0", published_at=None, seen_at=NOW - timedelta(days=7)))


def test_a_version_that_mends_an_advisory_does_not_wait_and_others_do():
    found = held([COOLDOWN], young("2.0.1"), young("2.0.2"), fixes={"2.0.1"})
    assert list(found) == ["2.0.2"]
    blocked = check(Rule.BLOCKED, Block("x", "2.0.1"))
    assert held([COOLDOWN, blocked], young("2.0.1"), fixes={"2.0.1"})["2.0.1"].rule == Rule.BLOCKED


@pytest.mark.parametrize(
    ("block", "name", "number", "is_held"),
    [
        (Block("x"), "x", "1.0.0", True),
        (Block("x"), "xy", "1.0.0", False),
        (Block("x", "<2"), "x", "1.9.9", True),
        (Block("x", "<2"), "x", "2.0.0", False),
        (Block("x", "<2.0.0"), "x", "2.0.0-rc.1", True),
        (Block("x", "1.2.3"), "x", "1.2.3", True),
        (Block("x", "1.2.3"), "x", "1.2.4", False),
        (Block("x", "1.x || 3.x"), "x", "3.1.0", True),
        (Block("@evil/*"), "@evil/x", "1.0.0", True),
        (Block("@evil/*"), "evil", "1.0.0", False),
        (Block("x-*", ">=1"), "x-y", "1.0.0", True),
        (Block("JSONStream"), "JSONStream", "1.0.0", True),
        (Block("x"), "x", "not a version", True),
        (Block("x", "1.x"), "x", "not a version", False),
    ],
)
def test_blocked_packages_versions_and_ranges(block, name, number, is_held):
    assert bool(held([check(Rule.BLOCKED, block)], Fact(number), name=name)) is is_held


def test_a_block_says_why():
    found = held([check(Rule.BLOCKED, Block("x", "<2", "steals tokens"))], Fact("1.0.0"))
    assert found["1.0.0"].reason == "x@<2 is blocked: steals tokens"
    assert found["1.0.0"].until is None


@pytest.mark.parametrize(
    ("license", "is_blocked"),
    [
        ("MIT", False),
        ("GPL-3.0", True),
        ("gpl-3.0", True),
        ("GPL-3.0-only", True),
        ("GPL-3.0-or-later", True),
        ("GPL-3.0+", True),
        ("LGPL-3.0", False),
        ("AGPL-1.0-only", True),
        ("(MIT OR GPL-3.0-only)", False),
        ("MIT AND GPL-3.0-only", True),
        ("MIT AND (GPL-3.0 OR ISC)", False),
        ("(GPL-3.0 OR AGPL-3.0)", True),
        ("GPL-3.0 WITH Classpath-exception-2.0", True),
        ("SEE LICENSE IN GPL-3.0", True),
        ("(MIT OR GPL-3.0", True),
        ("OR", False),
        ("((((", False),
        ("", False),
    ],
)
def test_licenses(license, is_blocked):
    assert licenses.is_blocked(license, ["GPL-3.0", "AGPL-*"]) is is_blocked


def test_no_license_is_blocked_by_name():
    assert licenses.is_blocked("", ["unknown"])
    assert not licenses.is_blocked("MIT", ["unknown"])
    assert held([check(Rule.LICENSES, "unknown")], Fact("1.0.0", license=""))["1.0.0"].reason == "it names no license"
    found = held([check(Rule.LICENSES, "GPL-3.0")], Fact("1.0.0", license="GPL-3.0-only"))
    assert found["1.0.0"].reason == "its license, GPL-3.0-only, is blocked"


def test_install_scripts_and_deprecated_versions():
    loud = Fact("1.0.0", has_install_script=True, deprecated="use\n y " + "!" * 400)
    assert held([check(Rule.SCRIPTS)], loud, Fact("2.0.0")).keys() == {"1.0.0"}
    reason = held([check(Rule.DEPRECATED)], loud, Fact("2.0.0"))["1.0.0"].reason
    assert reason.startswith("upstream deprecated it: use y !!!")
    assert len(reason) < 240


def test_what_never_ends_is_told_before_what_does():
    both = held([check(Rule.COOLDOWN, 30), check(Rule.SCRIPTS), COOLDOWN], Fact("1.0.0", NOW, has_install_script=True))
    assert both["1.0.0"].rule == Rule.SCRIPTS
    later = held([COOLDOWN, check(Rule.COOLDOWN, 30)], young())
    assert later["2.0.0"].until == NOW + timedelta(days=28)


# --- exceptions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exemption", "is_held"),
    [
        (exempt(), False),
        (exempt("y"), True),
        (exempt(range="2.0.0"), False),
        (exempt(range="^2.0.0"), False),
        (exempt(range="2.0.1"), True),
        (exempt(days=-1), True),
        (exempt(days=0), True),
    ],
)
def test_an_exception_lets_through_what_it_names_until_its_end(exemption, is_held):
    assert bool(held([check(Rule.COOLDOWN, 7, exemptions=[exemption])], young())) is is_held


def test_an_exception_is_from_one_rule_and_opens_no_prerelease_by_accident():
    checks = [check(Rule.COOLDOWN, 7, exemptions=[exempt()]), check(Rule.BLOCKED, Block("x"))]
    assert held(checks, young())["2.0.0"].rule == Rule.BLOCKED
    narrow = [check(Rule.COOLDOWN, 7, exemptions=[exempt(range="<3")])]
    assert held(narrow, young("3.0.0-rc.1"), young("2.5.0")).keys() == {"3.0.0-rc.1"}


# --- whose rules -------------------------------------------------------------------------------------------------


def layer(source=SOURCE, exemptions=(), **said) -> Layer:
    return Layer(Values(**said), source, tuple(exemptions))


def effective(registry: Layer | None, *orgs: Layer | None) -> Effective:
    return Effective.of([each for org in orgs or (None,) for each in composing.checks(registry, org)])


def days(found: Effective) -> list[int]:
    return [each.value[0] for each in found.checks if each.rule == Rule.COOLDOWN]


ALL = frozenset(Rule)


@pytest.mark.parametrize(
    ("registry", "org", "expected"),
    [
        (None, None, []),
        (layer(), None, []),
        (layer(cooldown=0), None, []),
        (layer(cooldown=7), None, [7]),
        (None, layer(ACME, cooldown=3), [3]),
        (layer(cooldown=7), layer(ACME), [7]),
        (layer(cooldown=7), layer(ACME, cooldown=14), [14]),
        (layer(cooldown=7), layer(ACME, cooldown=3), [7]),
        (layer(cooldown=7), layer(ACME, cooldown=0), [7]),
        (layer(cooldown=7, loosens=ALL), layer(ACME, cooldown=3), [3]),
        (layer(cooldown=7, loosens=ALL), layer(ACME, cooldown=0), []),
        (layer(cooldown=7, loosens=ALL), layer(ACME, cooldown=14), [14]),
        (layer(cooldown=7, loosens=ALL), layer(ACME), [7]),
    ],
)
def test_an_org_may_ask_for_more_and_for_less_where_it_is_let(registry, org, expected):
    assert days(effective(registry, org)) == expected


@pytest.mark.parametrize("rule", ["scripts", "deprecated"])
def test_yes_and_no_alike(rule):
    no, yes = layer(**{rule: False}), layer(ACME, **{rule: True})
    assert len(effective(no, yes).checks) == 1
    assert effective(layer(**{rule: False}, loosens=ALL), yes).checks == ()
    assert len(effective(layer(**{rule: True}), layer(ACME, **{rule: False})).checks) == 1
    assert effective(layer(**{rule: True})).checks == ()


def test_lists_of_an_org_add_to_the_registrys():
    base, more = layer(blocked=(Block("x"),), loosens=ALL), layer(ACME, blocked=(Block("y"),))
    found = effective(base, more)
    for name in ("x", "y"):
        assert found.held(name, [Fact("1.0.0")], NOW), name
    assert not effective(base).held("y", [Fact("1.0.0")], NOW)


def test_of_several_orgs_the_strictest_counts():
    registry = layer(cooldown=7, loosens=ALL)
    loose, none, strict = layer(ACME, cooldown=0), None, layer(Source("B", 1, "b"), cooldown=30)
    assert days(effective(registry, loose)) == []
    assert days(effective(registry, loose, none)) == [7]
    assert days(effective(registry, loose, strict)) == [30]


def test_exceptions_of_an_org_count_where_it_may_loosen_and_from_its_own_rules():
    mine = [(Rule.COOLDOWN, exempt())]
    org = layer(ACME, mine)
    assert effective(layer(cooldown=7), org).held("x", [young()], NOW)
    assert not effective(layer(cooldown=7, loosens=ALL), org).held("x", [young()], NOW)
    stricter = layer(ACME, mine, cooldown=14)
    assert effective(layer(cooldown=1), stricter).held("x", [young()], NOW) == {}
    assert effective(layer(cooldown=7), stricter).held("x", [young()], NOW)["2.0.0"].source == SOURCE


def test_exceptions_of_the_registry_do_not_open_what_an_org_asks_for_beyond_it():
    registry = layer(exemptions=[(Rule.COOLDOWN, exempt())], cooldown=7, loosens=ALL)
    assert not effective(registry).held("x", [young()], NOW)
    assert effective(registry, layer(ACME, cooldown=14)).held("x", [young()], NOW)
    assert not effective(registry, layer(ACME, cooldown=3)).held("x", [young(days=1)], NOW)


def test_the_fingerprint_says_what_is_held_and_not_by_whom():
    registry = layer(cooldown=7)
    assert effective(None).fingerprint == effective(layer(cooldown=0)).fingerprint == ""
    assert effective(registry).fingerprint == effective(None, layer(ACME, cooldown=7)).fingerprint != ""
    assert effective(registry).fingerprint == effective(registry, layer(ACME, cooldown=7)).fingerprint
    others = {
        effective(each).fingerprint
        for each in (
            registry,
            layer(cooldown=8),
            layer(scripts=False),
            layer(deprecated=False),
            layer(blocked=(Block("x"),)),
            layer(blocked=(Block("x", "<2"),)),
            layer(blocked=(Block("x", "<2", "why"),)),
            layer(licenses=("GPL-3.0",)),
            layer(exemptions=[(Rule.COOLDOWN, exempt())], cooldown=7),
            layer(exemptions=[(Rule.COOLDOWN, exempt(range="2.x"))], cooldown=7),
        )
    }
    assert len(others) == 10
    assert all(len(each) <= 40 for each in others)


def test_what_needs_the_full_packument():
    assert not Effective().needs_full
    for said, needs in (
        ({"cooldown": 7}, True),
        ({"licenses": ("GPL-3.0",)}, True),
        ({"scripts": False}, False),
        ({"deprecated": False}, False),
        ({"blocked": (Block("x"),)}, False),
    ):
        assert effective(layer(**said)).needs_full is needs, said


def test_advisories_are_asked_about_only_when_something_is_too_young():
    asked = []

    def mends(name: str, young: set[str]) -> set[str]:
        asked.append((name, *sorted(young)))
        return {"2.0.1"}

    found = Effective.of([COOLDOWN], mends)
    assert not found.held("x", [Fact("1.0.0")], NOW)
    assert asked == []
    assert found.held("x", iter([young("2.0.1"), young("2.0.2")]), NOW).keys() == {"2.0.2"}
    assert asked == [("x", "2.0.1", "2.0.2")]


# --- what people write -------------------------------------------------------------------------------------------


def test_blocks_are_read_and_written_alike():
    text = "x\n@evil/* # they   left\n\n# only a remark\nlodash@<4.17.21 || 5.x # CVE\n@a/b@1.2.3\nx\n"
    found = values.read_blocks(text)
    expected = (Block("x"), Block("@evil/*", "", "they left"), Block("lodash", "<4.17.21 || 5.x", "CVE"))
    assert found == (*expected, Block("@a/b", "1.2.3"))
    assert values.read_blocks(values.write_blocks(found)) == found


@pytest.mark.parametrize("text", ["*", "@*/*", "has blank", "x@not a range!", "../x", "x" * 300, "é", "[x]"])
def test_what_is_no_block(text):
    with pytest.raises(Invalid) as refused:
        values.read_blocks(f"fine\n{text}")
    assert refused.value.code == "blocked"


def test_licenses_ranges_and_days():
    assert values.read_licenses("GPL-3.0, AGPL-*\nunknown GPL-3.0") == ("GPL-3.0", "AGPL-*", "unknown")
    for text in ("*", "a/b", "GPL 3<0"):
        with pytest.raises(Invalid):
            values.read_licenses(text)
    assert values.read_range(" ") == values.read_range("*") == ""
    assert values.read_range(" ^1.2.0 ||  2.x") == "^1.2.0 || 2.x"
    with pytest.raises(Invalid):
        values.read_range("latest-ish")
    for wrong in (-1, 366):
        with pytest.raises(Invalid):
            Values(cooldown=wrong)


def test_values_are_kept_as_they_are():
    said = Values(7, (Block("x", "<2", "why"),), ("GPL-3.0",), False, True, frozenset({Rule.SCRIPTS}))
    assert Values.from_json(said.as_json()) == said
    assert Values.from_json({}) == Values()
    assert Values().says_nothing
    assert not said.says_nothing
    assert Values(cooldown=0).says_nothing
    assert not Values(deprecated=True).says_nothing


# --- what is told ------------------------------------------------------------------------------------------------


@pytest.fixture
def told(settings):
    settings.SITE_URL, settings.RULES_CONTACT = "https://npm.example.com", "security@example.com"
    return held([COOLDOWN], young())["2.0.0"]


def test_the_refusal_says_which_rule_until_when_and_where_to_ask(told):
    refused = telling.refusal("x", "2.0.0", told)
    assert (status_of(refused), refused.code) == (451, "rule")
    assert refused.message == (
        "x@2.0.0 is held back here: upstream published it 2 days ago, and new versions wait 7 days "
        "(rule minimum age of House rules, version 3), until 26 November 2026, 12:00 UTC; "
        "see https://npm.example.com/rules?package=x or ask security@example.com"
    )


def test_without_a_contact_it_is_the_operators(told, settings):
    settings.RULES_CONTACT = ""
    assert telling.refusal("x", "2.0.0", told).message.endswith("or ask the operators of this registry")


def test_nothing_left_tells_what_ends_first(told):
    never = Hold(Rule.SCRIPTS, "it runs a script while it is installed", None, SOURCE)
    refused = telling.nothing_left("x", {"1.0.0": never, "2.0.0": told})
    assert (status_of(refused), refused.code) == (451, "rule")
    assert "all its 2 versions are held back (and 1 more rule): upstream published it" in refused.message
    assert "its only version is held back: it runs a script" in telling.nothing_left("x", {"1.0.0": never}).message


def test_what_npm_itself_says_names_nobodys_org(told):
    own = Hold(Rule.BLOCKED, "x@1 is blocked", None, ACME)
    part = telling.restrictions("x", {"1.0.0": own, "2.0.0": told})
    assert part["versions"]["2.0.0"] == {"name": "x", "version": "2.0.0"}
    assert "too new until 26 November 2026" in part["message"]
    assert "x@1 is blocked" in part["message"]
    assert "acme" not in part["message"].lower()
