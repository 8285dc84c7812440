"""Every package of the company with all its versions, drawn from a seed (pure)."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from packages.demo.people import Member
from packages.demo.words import LIBRARIES, LICENCES, NOTES, PERSONAL, SHARED, TRADES, Trade

SEED = 2026  # of the company that the command makes
HERO = "@acme/ledger"  # has everything a package can have
HERO_USES = ("@acme/money", "plain-result", "stable-sort-keys")  # none of them depends on it
LONG_LIVED = {HERO: 214, "@lumen/button": 206}  # versions
DAYS = 730
AWAKE = range(7, 19)  # hours in which people publish


@dataclass(frozen=True)
class Release:
    """A version to publish. tag: `latest`, or that of a try-out."""

    number: str
    at: datetime
    tag: str = "latest"


@dataclass
class Plan:
    """A package to make. holder: the org, the person, or "" for a name without scope; authors: who publishes it."""

    name: str
    holder: str
    kind: str
    public: bool
    description: str
    keywords: list[str]
    licence: str
    authors: list[str]
    releases: list[Release] = field(default_factory=list)
    uses: dict[str, str] = field(default_factory=dict)
    note: str = ""  # why it is deprecated
    popularity: float = 1.0

    @property
    def base(self) -> str:
        return self.name.rpartition("/")[2]


def draw(dice: random.Random, people: list[Member], now: datetime) -> list[Plan]:
    """All packages, the oldest first; each depends only on older ones that its readers can read, too.

    dice: seeded by the caller: the same seed draws the same company. now: no version is younger.
    """
    plans = [plan for trade in TRADES for plan in _of_trade(dice, trade, people)]
    plans += _personal(dice, people) + _shared(dice, people)
    for plan in plans:
        if plan.name in LONG_LIVED:
            plan.popularity = 24.0
        plan.releases = _history(dice, now, LONG_LIVED.get(plan.name) or _how_many(dice))
    plans.sort(key=lambda plan: (plan.releases[0].at, plan.name))
    newest = {plan.name: plan.releases[-1].number for plan in plans}
    for index, plan in enumerate(plans):
        if plan.name == HERO:
            plan.uses = {name: f"^{newest[name]}" for name in HERO_USES}
        elif plan.name not in HERO_USES:
            _choose_uses(dice, plan, plans[:index])
        if plan.name not in LONG_LIVED and dice.random() < 0.05:
            other = dice.choice([each for each in plans if _may_name(plan, each)])
            plan.note = dice.choice(NOTES).format(other=other.name, newest=newest[plan.name])
    return plans


def _of_trade(dice: random.Random, trade: Trade, people: list[Member]) -> list[Plan]:
    members = [each.name for each in people if trade.org in each.orgs]
    plans = []
    for subject, what in trade.subjects.items():
        # An org shares its generic subjects whole; a company's core business stays inside.
        public = dice.random() < (0.12 if trade.org == "acme" else 0.45) and f"@{trade.org}/{subject}" != HERO
        for suffix, sentence in trade.kinds.items():
            if suffix and dice.random() < 0.45:
                continue
            plans.append(
                Plan(
                    name=f"@{trade.org}/{subject}{suffix}",
                    holder=trade.org,
                    kind=suffix.removeprefix("-") or "core",
                    public=public,
                    description=sentence.format(what=what, What=what[0].upper() + what[1:]),
                    keywords=[subject, *dice.sample(trade.keywords, 3)],
                    licence=dice.choice(LICENCES[1:]) if public else "UNLICENSED",
                    authors=dice.sample(members, min(len(members), dice.randint(1, 4))),
                    popularity=dice.paretovariate(1.3) * (3 if not suffix else 1),
                )
            )
    return plans


def _personal(dice: random.Random, people: list[Member]) -> list[Plan]:
    plans = []
    for member in people[:28]:
        for base in dice.sample(sorted(PERSONAL), dice.randint(1, 3)):
            public = dice.random() < 0.4
            plans.append(
                Plan(
                    name=f"@{member.name}/{base}",
                    holder=member.name,
                    kind="tool",
                    public=public,
                    description=PERSONAL[base],
                    keywords=[base.split("-")[0], "personal"],
                    licence="MIT" if public else "UNLICENSED",
                    authors=[member.name],
                    popularity=0.2,
                )
            )
    return plans


def _shared(dice: random.Random, people: list[Member]) -> list[Plan]:
    return [
        Plan(
            name=name,
            holder="",
            kind="tool",
            public=True,
            description=description,
            keywords=[*name.split("-"), "tools"],
            licence="MIT",
            authors=[dice.choice(people[:20]).name],
            popularity=6.0,
        )
        for name, description in SHARED.items()
    ]


def _how_many(dice: random.Random) -> int:
    return min(18, 1 + int(dice.paretovariate(1.1)))


def _history(dice: random.Random, now: datetime, count: int) -> list[Release]:
    first = now - timedelta(days=dice.uniform(DAYS * 0.8, DAYS) if count > 100 else dice.uniform(20, DAYS))
    # Half of what is maintained was touched lately: the last version comes at the end of the span.
    last = now - timedelta(days=dice.uniform(0.05, 6) if count > 100 else dice.expovariate(1 / 60))
    last = max(last, first + timedelta(days=1))
    steps = sorted(dice.random() for _ in range(max(0, count - 2)))
    moments = [first, *(first + (last - first) * step for step in steps), last][:count]
    youngest = now - timedelta(minutes=dice.randint(4, 400))
    worked = sorted(min(_working_hour(dice, at), youngest) for at in moments)
    numbers = _numbers(dice, count)
    return [
        Release(number, at, "next" if "-" in number else "latest") for number, at in zip(numbers, worked, strict=True)
    ]


def _numbers(dice: random.Random, count: int) -> list[str]:
    major, minor, patch = (0, dice.randint(1, 4), 0) if dice.random() < 0.4 else (1, 0, 0)
    numbers = [f"{major}.{minor}.{patch}"]
    leap = 0.02 if count > 100 else 0.06
    while len(numbers) < count:
        throw = dice.random()
        if throw < leap and count - len(numbers) > 2:
            major, minor, patch = major + 1, 0, 0
            numbers += [f"{major}.0.0-beta.{n}" for n in range(1, dice.randint(2, 3))]
        elif throw < 0.34:
            minor, patch = minor + 1, 0
        else:
            patch += 1
        numbers.append(f"{major}.{minor}.{patch}")
    return numbers[:count] if "-" not in numbers[count - 1] else [*numbers[: count - 1], f"{major}.{minor}.{patch + 1}"]


def _working_hour(dice: random.Random, at: datetime) -> datetime:
    # Drawn whatever the day is: the same seed gives the same company on another day.
    rests, clock = dice.random() < 0.85, (dice.choice(AWAKE), dice.randrange(60), dice.randrange(60))
    if at.weekday() > 4 and rests:
        at -= timedelta(days=at.weekday() - 4)
    return at.replace(hour=clock[0], minute=clock[1], second=clock[2])


def _choose_uses(dice: random.Random, plan: Plan, older: list[Plan]) -> None:
    readable = [each for each in older if _may_name(plan, each) and _is_library_for(plan, each)]
    root = plan.name.rsplit("-", 1)[0]
    chosen = [each for each in readable if each.name == root]
    if readable:
        weights = [each.popularity for each in readable]
        chosen += dice.choices(readable, weights, k=min(len(readable), dice.choice((0, 1, 1, 2, 2, 3, 4, 5))))
    started = plan.releases[0].at
    for each in chosen:
        there = [release.number for release in each.releases if release.at < started and release.tag == "latest"]
        if there:
            plan.uses[each.name] = f"^{there[-1]}"


def _may_name(plan: Plan, other: Plan) -> bool:
    return other.public or (not plan.public and other.holder == plan.holder)


def _is_library_for(plan: Plan, other: Plan) -> bool:
    if not other.holder:
        return other.name in LIBRARIES
    return other.kind in ("core", "types", "events", "styles", "node") and other.holder in (plan.holder, "basalt")
