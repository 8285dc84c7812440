"""verdaccio's patterns: the first that fits decides, and what cannot be read closes rather than opens."""

from __future__ import annotations

import pytest

from packages.moving import rules
from registry_site.errors import Invalid


def read(text: str) -> list[rules.Rule]:
    return rules.read(f"packages:\n{text}".encode())


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        ("**", "left-pad @acme/ledger", ""),
        ("*", "left-pad", "@acme/ledger"),
        ("@*/*", "@acme/ledger", "left-pad"),
        ("@acme/*", "@acme/ledger", "@acmes/ledger left-pad @acme2/x"),
        ("@acme/**", "@acme/ledger", "@other/ledger"),
        ("@{acme,corp}/*", "@acme/x @corp/x", "@other/x @acme,corp/x"),
        ("@acme/led?er", "@acme/ledger", "@acme/leder"),
        ("@acme/*-cli", "@acme/a-cli", "@acme/cli"),
        ("**/x", "@acme/x x", "@acme/y"),
        ("@acme**", "", "@acme/x"),
        ("a.b", "a.b", "axb"),
    ],
)
def test_patterns_are_read_as_verdaccio_reads_them(pattern, fitting, others):
    (rule,) = read(f"  '{pattern}': {{access: $all}}\n")
    assert [name for name in f"{fitting} {others}".split() if rule.fits(name)] == fitting.split()


@pytest.mark.parametrize("pattern", ["!@acme/*", "@(a|b)/*", "[ab]*", "+(a)", "#x", "*" * 9, "{a,b}" * 8])
def test_a_pattern_that_cannot_be_read_refuses_the_whole_config(pattern):
    with pytest.raises(Invalid, match="pattern"):
        read(f"  '{pattern}': {{access: nobody}}\n  '**': {{access: $all}}\n")


def test_the_first_rule_that_fits_decides():
    found = read("  '@acme/secret': {access: bob}\n  '@acme/*': {access: $all}\n")
    assert rules.rule_of(found, "@acme/secret").access == ("bob",)
    assert rules.rule_of(found, "@acme/open").is_public
    assert rules.rule_of(found, "left-pad") is None


@pytest.mark.parametrize("word", ["$all", "$anonymous", "@all", "all", "bob $all"])
def test_public_is_what_needs_no_account(word):
    assert read(f"  '**': {{access: {word!r}}}\n")[0].is_public


PRIVATE = ["{access: $authenticated}", "{access: bob}", "{publish: $all}", "{}", "", "{access: }"]


@pytest.mark.parametrize("text", PRIVATE)
def test_everything_else_is_private(text):
    assert not read(f"  '**': {text}\n")[0].is_public


def test_words_and_lists_mean_the_same():
    listed, words = read("  a: {access: [bob, carol]}\n  b: {access: bob carol}\n")
    assert listed.access == words.access == ("bob", "carol")


@pytest.mark.parametrize("text", ["  - a\n", "  a: {access: {b: c}}\n", "  a: &x {access: bob}\n  b: *x\n", "\tx"])
def test_what_is_no_config_is_refused(text):
    with pytest.raises(Invalid):
        read(text)
