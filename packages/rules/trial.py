"""A set of rules, tried on what was installed lately: which installs it would have changed, and into what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from django.conf import settings
from django.utils import timezone

from orgs.models import Org
from packages import ranges
from packages.advisories import known
from packages.models import Advisory, MirrorVersion, RuleException
from packages.models.rules import Rule
from packages.rules import composing, holding, traffic
from packages.rules.composing import Effective, Layer, Mends
from packages.rules.engine import Check, Exemption, Hold, Source
from packages.rules.showing import highest
from packages.rules.traffic import FACTS, Install
from packages.rules.values import Values

DAYS = 30
SHOWN = 50
WEIGHED = 200  # of the most frequent changes it is known what an advisory says


@dataclass(frozen=True)
class Change:
    """A version that was installed and would have been held back.

    downloads: how often. people, callers: by how many, and by how many tokens, or addresses without one.
    instead: the version that would have been there in its place; "" for none.
    """

    name: str
    number: str
    hold: Hold
    downloads: int
    people: int
    callers: int
    instead: str


@dataclass(frozen=True)
class Trial:
    """What a set would have changed since a day.

    downloads: of mirrored versions, all of them; changed: those that the set would have changed; versions: of how
    many versions; changes: the most frequent. who: "versions" when it is known who installed which, "packages" when
    only who installed anything of the package is. is_of_all: whether everybody's installs were counted.
    """

    since: date
    downloads: int = 0
    changed: int = 0
    versions: int = 0
    changes: list[Change] = field(default_factory=list)
    who: str = "versions"
    is_of_all: bool = True

    @property
    def more(self) -> int:
        return self.versions - len(self.changes)


@dataclass
class _Found:
    hold: Hold
    moment: datetime  # the last one at which it was installed and would have been held back
    downloads: int = 0
    people: set[int] = field(default_factory=set)
    callers: set[str] = field(default_factory=set)


def run(values: Values, org: Org | None, *, name: str = "these rules", number: int = 0) -> Trial:
    """Try a set on the last 30 days. org: whose set it is, None for the registry's; then it counts what all installed.

    Of an org it counts what its members and service accounts installed where downloads are remembered by whom, and
    elsewhere what all did. What upstream says of a version is taken as it is today. Eight queries at most.
    """
    since = timezone.now().date() - timedelta(days=DAYS - 1)
    checks = _checks(values, org, name, number)
    installs = traffic.recorded(org, since) if org is not None and settings.DOWNLOAD_RECORD_DAYS else []
    downloads, found = _changed(Effective.of(checks), installs or traffic.counted(since))
    shown = sorted(found, key=lambda key: (-found[key].downloads, key))[:WEIGHED]
    versions = _versions({name for name, _ in shown})
    effective = Effective.of(checks, _mends(checks, versions))
    for key in shown:
        held = effective.held(key[0], [row for row in versions[key[0]] if row.number == key[1]], found[key].moment)
        if held:
            found[key].hold = held[key[1]]
        else:
            del found[key]
    shown = [key for key in shown if key in found][:SHOWN]
    kind = "versions" if installs or org is not None else _who(found, shown, since)
    changes = [_change(effective, versions[key[0]], *key, found[key]) for key in shown]
    changed = sum(each.downloads for each in found.values())
    return Trial(since, downloads, changed, len(found), changes, kind, not installs)


def _change(effective: Effective, rows: list[MirrorVersion], name: str, number: str, found: _Found) -> Change:
    instead = _instead(effective, rows, name, number, found.moment)
    return Change(name, number, found.hold, found.downloads, len(found.people), len(found.callers), instead)


def _checks(values: Values, org: Org | None, name: str, number: int) -> list[Check]:
    registry, own = holding.layers(org)
    now = own if org else registry
    exemptions = now.exemptions if now else _exemptions() if org is None else ()
    tried = Layer(values, Source(name, number, org.name if org else ""), exemptions)
    return composing.checks(registry, tried) if org else composing.checks(tried)


def _exemptions() -> tuple[tuple[Rule, Exemption], ...]:
    # Nothing of the registry counts while no set of it is switched on, and what was excepted would count with this one.
    rows = RuleException.objects.filter(org=None, ended_at=None, ends_at__gt=timezone.now())
    return tuple((Rule(each.rule), Exemption(each.package, each.range, each.ends_at)) for each in rows)


def _changed(effective: Effective, installs: Iterable[Install]) -> tuple[int, dict[tuple[str, str], _Found]]:
    found: dict[tuple[str, str], _Found] = {}
    downloads, now = 0, timezone.now()
    for each in installs:
        downloads += each.count
        moment = min(datetime.combine(each.day + timedelta(days=1), time.min, UTC), now)
        hold = effective.held(each.name, [each.row], moment).get(each.row.number)
        if hold is None:
            continue
        kept = found.setdefault((each.name, each.row.number), _Found(hold, moment))
        kept.downloads += each.count
        kept.moment = max(kept.moment, moment)
        kept.people |= {each.user} - {None}
        kept.callers |= {each.caller} - {""}
    return downloads, found


def _versions(names: set[str]) -> dict[str, list[MirrorVersion]]:
    versions: dict[str, list[MirrorVersion]] = {name: [] for name in names}
    columns = ("number", "removed_at", "mirror__name", *FACTS)
    for row in MirrorVersion.objects.filter(mirror__name__in=names).select_related("mirror").only(*columns):
        versions[row.mirror.name].append(row)
    return versions


def _mends(checks: Iterable[Check], versions: dict[str, list[MirrorVersion]]) -> Mends:
    said: dict[str, list[Advisory]] = defaultdict(list)
    if versions and any(check.rule == Rule.COOLDOWN for check in checks):
        for each in Advisory.objects.standing().filter(package=None, name__in=versions).defer("text", "html"):
            said[each.name].append(each)
    found = {name: known.fixed_by(each, [row.number for row in versions[name]]) for name, each in said.items()}
    return lambda name, young: found.get(name, ())


def _who(found: dict[tuple[str, str], _Found], shown: list[tuple[str, str]], since: date) -> str:
    by_version, callers = traffic.callers({name for name, _ in shown}, since)
    for name, number, user, caller in callers:
        for key in [(name, number)] if by_version else [key for key in shown if key[0] == name]:
            if key in found:
                found[key].people |= {user} - {None}
                found[key].callers.add(caller)
    return "versions" if by_version else "packages"


def _instead(effective: Effective, versions: list[MirrorVersion], name: str, number: str, moment: datetime) -> str:
    there = [row for row in versions if row.removed_at is None and (row.published_at or row.seen_at) <= moment]
    left = {row.number for row in there} - effective.held(name, there, moment).keys()
    rising = ranges.ascending({*left, number})
    below = set(rising[: rising.index(number)])
    major = number.partition(".")[0]
    return highest({each for each in below if each.partition(".")[0] == major} or below)
