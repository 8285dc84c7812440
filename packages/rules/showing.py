"""What the rules mean for one package and one viewer: which versions are held back, why, until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from accounts.actor import Actor
from packages import ranges
from packages.models import MirrorVersion, Package
from packages.models.rules import Rule
from packages.rules import holding, telling, traffic
from packages.rules.composing import Effective
from packages.rules.engine import Block, Check, Exemption, Hold
from packages.rules.values import Values

SHOWN = 20
BLOCKS_SHOWN = 200
_FACTS = ("number", "removed_at", "mirror__latest", *traffic.FACTS)


@dataclass(frozen=True)
class HeldVersion:
    """A version that is held back. in_words: a whole sentence without its full stop."""

    number: str
    published_at: datetime | None
    hold: Hold
    in_words: str


@dataclass(frozen=True)
class Explanation:
    """What `partials/held.html` shows.

    held: the highest of those that are held back; count: of how many; total: how many versions upstream has.
    instead: what is installed when nothing is said, "" when nothing is left. exemptions: what lets versions of this
    package through. contact: whom to ask.
    """

    package: str
    held: list[HeldVersion]
    count: int
    total: int
    instead: str
    exemptions: list[tuple[Check, Exemption]]
    contact: str

    @property
    def more(self) -> int:
        return self.count - len(self.held)


def explain(actor: Actor, package: Package) -> Explanation | None:
    """What is held back of a package for this actor; None where no rule holds for it. Six queries at most.

    package: found for the actor. The rules are for mirrored packages alone.
    """
    effective = holding.effective(actor)
    if not (package.mirrored and effective.checks):
        return None
    rows = MirrorVersion.objects.filter(mirror__package=package, removed_at=None).select_related("mirror").only(*_FACTS)
    versions = {row.number: row for row in rows}
    return told(effective, package, versions, effective.held(package.name, versions.values(), timezone.now()))


def told(
    effective: Effective, package: Package, versions: dict[str, MirrorVersion], held: dict[str, Hold]
) -> Explanation:
    """As `explain`, for who has everything at hand. versions: those that upstream lists, by number; held: of them."""
    now = timezone.now()
    rising = ranges.ascending(held)
    shown = [
        HeldVersion(number, versions[number].published_at, held[number], telling.sentence(held[number]))
        for number in reversed(rising[-SHOWN:])
    ]
    exemptions = [
        (check, each)
        for check in effective.checks
        for each in check.exemptions
        if each.package == package.name and each.ends_at > now
    ]
    latest = next((row.mirror.latest for row in versions.values()), "")
    instead = _latest(latest, {number: row for number, row in versions.items() if number not in held})
    whom = " or ".join(dict.fromkeys(telling.whom(each.hold) for each in shown))
    return Explanation(package.name, shown, len(held), len(versions), instead, exemptions, whom)


def _latest(tagged: str, left: dict[str, MirrorVersion]) -> str:
    # As the index moves the tag: back to the highest that is no step forward, and that nobody is warned of.
    if tagged in left or not left:
        return tagged if left else ""
    rising = ranges.ascending({*left, tagged} - {""})
    lower = rising[: rising.index(tagged)] if tagged else rising
    fine = {number for number in lower if not left[number].deprecated}
    return highest(fine or set(lower) or set(left))


@dataclass(frozen=True)
class Line:
    """One rule of a set as pages tell it. items: what it names, "" in `more` when these are all."""

    rule: Rule
    text: str
    items: list[Block | str]
    more: int = 0
    may_loosen: bool = False


def in_words(values: Values, *, of_org: bool) -> list[Line]:
    """What a set says, rule by rule. of_org: it says what an org has otherwise."""
    same = "as the registry says"
    days, named = values.cooldown, len(values.licenses)
    waits = f"new versions wait {days} day{'s' * (days != 1)}" if days else "new versions do not wait"
    blocks, count = values.blocked, len(values.blocked)
    also = "more " if of_org else ""
    licenses = f"{named} {also}license{'s' * (named != 1)}" if named else f"no {also}licenses"
    blocked = f"{count} {also}{'entry' if count == 1 else 'entries'}" if count else f"no {also}packages"
    said = {
        Rule.COOLDOWN: (same if of_org and days is None else waits, []),
        Rule.BLOCKED: (blocked, list(blocks[:BLOCKS_SHOWN])),
        Rule.LICENSES: (licenses, list(values.licenses)),
        Rule.SCRIPTS: (_yes_or_no(values.scripts, same if of_org else ""), []),
        Rule.DEPRECATED: (_yes_or_no(values.deprecated, same if of_org else ""), []),
    }
    more = {Rule.BLOCKED: max(count - BLOCKS_SHOWN, 0)}
    return [Line(rule, *said[rule], more.get(rule, 0), rule in values.loosens) for rule in Rule]


def _yes_or_no(said: bool | None, same: str) -> str:
    if said is None and same:
        return same
    return "held back" if said is False else "let through"


def highest(numbers: set[str]) -> str:
    """The highest of some versions, a finished one where there is one; "" of none."""
    finished = {number for number in numbers if "-" not in number}
    return next(reversed(ranges.ascending(finished or numbers)), "")
