"""What a set of rules says: read from what people write, kept as JSON, told in words (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from packages import ranges
from packages.models.rules import MAX_RANGE, MAX_WHY, Rule
from packages.names import MAX_NAME
from packages.rules.engine import Block
from registry_site.errors import Invalid

MOST_DAYS = 365
MOST_BLOCKS = 1_000
MOST_LICENSES = 200
YES_OR_NO = (Rule.SCRIPTS, Rule.DEPRECATED)
_NAME = re.compile(r"(?:@[a-z0-9*][a-z0-9._*-]*/)?[a-z0-9*][a-z0-9._*-]*", re.IGNORECASE | re.ASCII)
_LICENSE = re.compile(r"[a-z0-9][a-z0-9.+*-]{0,63}", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class Values:
    """What a set says. In an org's set None is "as the registry has it", and the lists add to the registry's.

    cooldown: days that a new version waits. scripts, deprecated: whether versions that run a script while they are
    installed, or that upstream deprecated, are let through.
    loosens: the rules in which an org may ask for less; only the registry's set has them.
    """

    cooldown: int | None = None
    blocked: tuple[Block, ...] = ()
    licenses: tuple[str, ...] = ()
    scripts: bool | None = None
    deprecated: bool | None = None
    loosens: frozenset[Rule] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        if self.cooldown is not None and not 0 <= self.cooldown <= MOST_DAYS:
            raise Invalid(f"a minimum age is 0 to {MOST_DAYS} days", code="cooldown")

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Values:
        """As `as_json` gave it."""
        return cls(
            cooldown=kept.get("cooldown"),
            blocked=tuple(Block(*each) for each in kept.get("blocked", ())),
            licenses=tuple(kept.get("licenses", ())),
            scripts=kept.get("scripts"),
            deprecated=kept.get("deprecated"),
            loosens=frozenset(Rule(each) for each in kept.get("loosens", ())),
        )

    def as_json(self) -> dict[str, Any]:
        """What a column keeps of it."""
        return {
            "cooldown": self.cooldown,
            "blocked": [[each.name, each.range, each.note] for each in self.blocked],
            "licenses": list(self.licenses),
            "scripts": self.scripts,
            "deprecated": self.deprecated,
            "loosens": sorted(self.loosens),
        }

    @property
    def says_nothing(self) -> bool:
        """Whether nothing is held back, and an org's set changes nothing."""
        return not (self.cooldown or self.blocked or self.licenses) and self.scripts is self.deprecated is None


def read_blocks(text: str) -> tuple[Block, ...]:
    """Blocked packages, one a line: `name`, `name@range` or `@scope/*`, with `# why` behind it.

    Raises Invalid, naming the line.
    """
    found = []
    for line in text.splitlines():
        subject, _, note = line.partition("#")
        if subject := subject.strip():
            found.append(_block(subject, " ".join(note.split())[:MAX_WHY]))
    if len(found) > MOST_BLOCKS:
        raise Invalid(f"a set blocks at most {MOST_BLOCKS} packages", code="blocked")
    return tuple(dict.fromkeys(found))


def write_blocks(blocks: Iterable[Block]) -> str:
    """As `read_blocks` reads them."""
    return "\n".join(f"{each} # {each.note}" if each.note else str(each) for each in blocks)


def read_licenses(text: str) -> tuple[str, ...]:
    """Blocked licenses, separated by commas, blanks or lines. Raises Invalid for what is no SPDX id."""
    found = tuple(dict.fromkeys(text.replace(",", " ").split()))
    for each in found:
        if not _LICENSE.fullmatch(each) or not each.strip("*"):
            raise Invalid(
                f"{each[:40]} is no license id such as GPL-3.0-only, AGPL-* or unknown", code=Rule.LICENSES.value
            )
    if len(found) > MOST_LICENSES:
        raise Invalid(f"a set blocks at most {MOST_LICENSES} licenses", code=Rule.LICENSES.value)
    return found


def read_range(text: str) -> str:
    """A range as npm reads it, "" for all versions. Raises Invalid."""
    text = " ".join(text.split())
    if text in ("", "*"):
        return ""
    if len(text) > MAX_RANGE or not ranges.is_range(text):
        raise Invalid(f"{text[:40]} is no version or range such as 1.2.3, ^1.2.0 or <2", code="range")
    return text


def _block(subject: str, note: str) -> Block:
    at = subject.find("@", 1)
    name, range = (subject, "") if at < 0 else (subject[:at].strip(), subject[at + 1 :])
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise Invalid(f"{name[:80]} is no package name, nor a pattern such as @scope/*", code=Rule.BLOCKED.value)
    if not name.strip("*@/"):
        raise Invalid("a block of everything is no rule; leave UPSTREAM_URL empty instead", code=Rule.BLOCKED.value)
    try:
        return Block(name, read_range(range), note)
    except Invalid as refusal:
        raise Invalid(refusal.message, code=Rule.BLOCKED.value) from refusal
