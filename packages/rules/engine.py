"""What holds a version back: a few checks over what is known of it, each with the reason in words (pure)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Protocol

from packages import ranges
from packages.models.rules import Rule
from packages.rules import licenses

SHOWN = 200  # characters of what upstream or a rule says, in a sentence


class Facts(Protocol):
    """What the rules ask about a version; a MirrorVersion has it all."""

    number: str
    published_at: datetime | None
    seen_at: datetime
    deprecated: str
    license: str
    has_install_script: bool


@dataclass(frozen=True, order=True)
class Block:
    """Packages that are blocked: a name, or a pattern such as `@scope/*`; "" as range means all versions."""

    name: str
    range: str = ""
    note: str = ""

    def __str__(self) -> str:
        return f"{self.name}@{self.range}" if self.range else self.name


@dataclass(frozen=True, order=True)
class Exemption:
    """A package, or some of its versions, that a check lets through until a moment."""

    package: str
    range: str
    ends_at: datetime = field(compare=False)


@dataclass(frozen=True)
class Source:
    """The set that a check comes from, as messages call it. org: whose; "" for the registry's."""

    name: str
    number: int
    org: str = ""

    def __str__(self) -> str:
        return f"{self.name}, version {self.number}" + (f", of {self.org}" if self.org else "")


@dataclass(frozen=True)
class Check:
    """One rule in force. value: days, blocks or licenses; empty for the rules that only say no."""

    rule: Rule
    value: tuple = ()
    exemptions: tuple[Exemption, ...] = ()
    source: Source = field(default=Source("the rules of this registry", 0), compare=False)


@dataclass(frozen=True)
class Hold:
    """Why a version is held back. until: when that ends by itself, None for never; source: who asks for it."""

    rule: Rule
    reason: str
    until: datetime | None = None
    source: Source | None = None


def held(
    checks: Iterable[Check], name: str, versions: Iterable[Facts], now: datetime, fixes: Collection[str] = ()
) -> dict[str, Hold]:
    """Those of these versions of a package that a check holds back, by number, each with its weightiest hold.

    fixes: the numbers of those that mend what an advisory says of the versions before; no cooldown holds them.
    """
    asked, found = [each for each in (_about(check, name) for check in checks) if each], {}
    for version in versions:
        holds = [hold for check in asked if (hold := _hold(check, version, now, fixes))]
        if holds:
            found[version.number] = max(holds, key=_weight)
    return found


def _about(check: Check, name: str) -> Check | None:
    # What of a check is about this package; a set may block a thousand, and a package have thousands of versions.
    exemptions = tuple(each for each in check.exemptions if each.package == name)
    if check.rule != Rule.BLOCKED:
        return replace(check, exemptions=exemptions)
    blocks = tuple(each for each in check.value if fnmatchcase(name, each.name))
    return replace(check, value=blocks, exemptions=exemptions) if blocks else None


def _hold(check: Check, version: Facts, now: datetime, fixes: Collection[str]) -> Hold | None:
    if any(_exempts(each, version.number, now) for each in check.exemptions):
        return None
    match check.rule:
        case Rule.COOLDOWN:
            return None if version.number in fixes else _too_young(check, version, now)
        case Rule.BLOCKED:
            found = next((each for each in check.value if _covers(each.range, version.number)), None)
            reason = found and f"{found} is blocked" + (f": {_short(found.note)}" if found.note else "")
        case Rule.LICENSES:
            named = f"its license, {_short(version.license)}, is blocked" if version.license else "it names no license"
            reason = licenses.is_blocked(version.license, check.value) and named
        case Rule.SCRIPTS:
            reason = version.has_install_script and "it runs a script while it is installed"
        case Rule.DEPRECATED:
            reason = version.deprecated and f"upstream deprecated it: {_short(version.deprecated)}"
    return Hold(check.rule, reason, None, check.source) if reason else None


def _too_young(check: Check, version: Facts, now: datetime) -> Hold | None:
    # Where upstream's word is not known yet, the moment it was first seen here: the version is that old at least.
    since = version.published_at or version.seen_at
    (days,) = check.value
    until = since + timedelta(days=days)
    if until <= now:
        return None
    known = "upstream published it" if version.published_at else "it was first seen here"
    reason = f"{known} {_ago(now - since)}, and new versions wait {days} day{'s' * (days != 1)}"
    return Hold(check.rule, reason, until, check.source)


def _ago(age: timedelta) -> str:
    minutes = max(int(age.total_seconds() // 60), 0)
    for size, unit in ((60 * 24, "day"), (60, "hour")):
        if minutes >= size:
            return f"{minutes // size} {unit}{'s' * (minutes // size != 1)} ago"
    return "a moment ago" if minutes < 1 else f"{minutes} minute{'s' * (minutes != 1)} ago"


def _exempts(exemption: Exemption, number: str, now: datetime) -> bool:
    if exemption.ends_at <= now:
        return False
    # A prerelease is let through only by a range that names one: <2.0.0 should not open 2.0.0-rc.1.
    return _covers(exemption.range, number) and ("-" not in number or "-" in exemption.range or not exemption.range)


def _covers(range: str, number: str) -> bool:
    return not range or bool(ranges.inside(range, [number]))


def _weight(hold: Hold) -> tuple[bool, float]:
    # What never ends by itself is told before what does, and of those the one that ends last.
    return hold.until is None, hold.until.timestamp() if hold.until else 0.0


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
