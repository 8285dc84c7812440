"""Which checks follow from the registry's rules and those of orgs, and what they are called together (pure)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from packages.models.rules import Rule
from packages.rules import engine
from packages.rules.engine import Check, Exemption, Facts, Hold, Source
from packages.rules.values import YES_OR_NO, Values

Mends = Callable[[str, Collection[str]], Collection[str]]
_FULL = frozenset({Rule.COOLDOWN, Rule.LICENSES})  # what the short packument does not say


def _nothing(name: str, young: Collection[str]) -> Collection[str]:
    return ()


@dataclass(frozen=True)
class Layer:
    """A set that is switched on, and the exceptions beside it; of the registry, or of one org."""

    values: Values
    source: Source
    exemptions: tuple[tuple[Rule, Exemption], ...] = ()

    def exempt(self, rule: Rule) -> tuple[Exemption, ...]:
        """The exceptions from this rule."""
        return tuple(sorted(each for of, each in self.exemptions if of == rule))


@dataclass(frozen=True)
class Effective:
    """All that holds for somebody.

    fingerprint: the same for everybody for whom the same versions are held back; "" when none are.
    mends: gives those of some versions of a package that mend what an advisory says of those before; asked when it
    matters.
    """

    checks: tuple[Check, ...] = ()
    fingerprint: str = ""
    mends: Mends = field(default=_nothing, compare=False, repr=False)

    @classmethod
    def of(cls, checks: Iterable[Check], mends: Mends = _nothing) -> Effective:
        """From checks in any order, of which the strictest count."""
        strictest = _strictest(checks)
        said = [(each.rule.value, each.value, [(e.package, e.range) for e in each.exemptions]) for each in strictest]
        digest = hashlib.blake2b(repr(said).encode(), digest_size=16).hexdigest()
        return cls(tuple(strictest), digest if strictest else "", mends)

    @property
    def needs_full(self) -> bool:
        """Whether the rules ask for what only the full packument says: when a version came out, its license."""
        return any(each.rule in _FULL for each in self.checks)

    def held(self, name: str, versions: Iterable[Facts], now: datetime) -> dict[str, Hold]:
        """Those of these versions of a mirrored package that are held back, by number.

        versions: what is known of them, as MirrorVersion rows. Of one whose publication is not known the moment counts
        at which it was first seen here: it is at least that old.
        """
        if not self.checks:
            return {}
        versions = list(versions)
        found = engine.held(self.checks, name, versions, now)
        young = {number for number, hold in found.items() if hold.rule == Rule.COOLDOWN}
        if young and (fixes := self.mends(name, young)):
            found = engine.held(self.checks, name, versions, now, fixes)
        return found


def checks(registry: Layer | None, org: Layer | None = None) -> list[Check]:
    """The checks for somebody of this org, or of none.

    An org may always ask for more: its own checks stand beside the registry's. Where the registry's set lets orgs
    ask for less, the org's value takes the place of the registry's, and its exceptions count for both; elsewhere its
    exceptions are from its own checks alone.
    """
    found = []
    loosens = registry.values.loosens if registry else frozenset()
    for rule in Rule:
        base = in_force(registry.values, rule) if registry else None
        own = in_force(org.values, rule) if org else None
        may_loosen = rule in loosens
        if registry and base is not None and not (may_loosen and _asks_for_less(org, rule, base)):
            exemptions = registry.exempt(rule) + (org.exempt(rule) if org and may_loosen else ())
            found.append(Check(rule, base, tuple(sorted(exemptions)), registry.source))
        if org and own is not None:
            # What is let through under the stricter rule of the registry is not held back by a looser one.
            looser = registry.exempt(rule) if registry and may_loosen and _asks_for_less(org, rule, base) else ()
            found.append(Check(rule, own, tuple(sorted(org.exempt(rule) + looser)), org.source))
    return found


def in_force(values: Values, rule: Rule) -> tuple | None:
    """What the check of this rule is made of, None where a set does not ask for it."""
    said = getattr(values, rule.value)
    if rule in YES_OR_NO:
        return () if said is False else None
    if rule == Rule.COOLDOWN:
        return (said,) if said else None
    return tuple(said) or None


def _asks_for_less(org: Layer | None, rule: Rule, base: tuple | None) -> bool:
    if org is None or base is None:
        return False
    said = getattr(org.values, rule.value)
    if rule == Rule.COOLDOWN:
        return said is not None and said < base[0]
    return rule in YES_OR_NO and said is True


def _strictest(checks: Iterable[Check]) -> list[Check]:
    kept: dict[tuple, Check] = {}
    for each in checks:
        key = (each.rule, each.exemptions) + (() if each.rule == Rule.COOLDOWN else (each.value,))
        if key not in kept or each.value > kept[key].value:
            kept[key] = each
    order = list(Rule)
    return sorted(kept.values(), key=lambda each: (order.index(each.rule), each.value, each.exemptions))
