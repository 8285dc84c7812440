"""What is known to be wrong with the versions that somebody has installed: the answers of `npm audit`.

Names that are ours never leave this server, whether or not there is such a package, and whoever asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from accounts.actor import Actor
from packages import access, ranges
from packages.advisories.known import RANK
from packages.models import Advisory
from packages.names import PackageName, parse_version
from packages.upstream import audits as upstream
from packages.upstream import ownership
from registry_site.errors import Invalid, Malformed, TooLarge

MOST_NAMES = 10_000
MOST_VERSIONS = 50_000  # of all names together
MOST_COMPARISONS = 500_000  # of a version with an advisory's range: a second or two
A_CHUNK = 500  # names of one query

Asked = Mapping[str, Sequence[str]]  # versions by name


@dataclass(frozen=True)
class Affected:
    """An advisory, and those of the versions that were asked about that it names."""

    advisory: Advisory
    numbers: list[str]


def read(said: Mapping[str, object]) -> dict[str, list[str]]:
    """The versions by name out of what a client sent; what is no name or no version is nobody's, and left out.

    Raises TooLarge for too many, Malformed for another shape.
    """
    if len(said) > MOST_NAMES:
        raise TooLarge(f"an audit is about at most {MOST_NAMES:,} packages; ask about them in parts")
    asked: dict[str, list[str]] = {}
    count = 0
    for name, numbers in said.items():
        if not isinstance(numbers, list):
            raise Malformed("an audit names the versions of each package in a list")
        kept = list(dict.fromkeys(number for number in numbers if isinstance(number, str) and _is_version(number)))
        count += len(kept)
        if count > MOST_VERSIONS:
            raise TooLarge(f"an audit is about at most {MOST_VERSIONS:,} versions; ask about them in parts")
        if kept and _is_name(name):
            asked[name] = kept
    return asked


def affected(actor: Actor, asked: Asked) -> dict[str, list[Affected]]:
    """What is known against these versions, of what the actor may see, by name, the worst first.

    asked: as `read` gives it. A hidden package is answered like a missing one. Upstream is asked about the names that
    are not ours, within seconds; when it does not answer, what it said last counts. Never call it inside a transaction.
    Raises TooLarge for what would take too long.
    Source: `npm audit`, and every `npm install`.
    """
    ours = _ours(asked)
    theirs = {name: numbers for name, numbers in asked.items() if name not in ours}
    upstream.refresh(theirs)
    found: dict[str, list[Affected]] = {}
    left = MOST_COMPARISONS
    for advisory in _about(actor, asked, theirs):
        left -= len(asked[advisory.name])
        if left < 0:
            raise TooLarge("an audit of so many versions takes too long; ask about them in parts")
        if numbers := ranges.inside(advisory.range, asked[advisory.name]):
            found.setdefault(advisory.name, []).append(Affected(advisory, numbers))
    for listed in found.values():
        listed.sort(key=lambda each: RANK[each.advisory.severity])
    return found


def _about(actor: Actor, asked: Asked, theirs: Asked) -> Iterator[Advisory]:
    standing = Advisory.objects.standing().defer("text", "html")
    visible = access.visible_to(actor).filter(mirrored=False).order_by().values("pk")
    for names in _chunks(asked):
        yield from standing.filter(name__in=names, package__in=visible)
    for names in _chunks(theirs):
        yield from standing.filter(name__in=names, package=None)


def _ours(asked: Asked) -> set[str]:
    return {name for names in _chunks(asked) for name in ownership.ours(names)}


def _chunks(names: Asked) -> Iterator[list[str]]:
    left = iter(names)
    while chunk := list(islice(left, A_CHUNK)):
        yield chunk


def _is_name(text: str) -> bool:
    try:
        PackageName.parse(text, old=True)
    except Invalid:
        return False
    return True


def _is_version(text: str) -> bool:
    try:
        parse_version(text)
    except Invalid:
        return False
    return True
