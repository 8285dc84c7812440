"""Which rules hold for whom: read once from the database, and asked again only when a rule changed."""

from __future__ import annotations

import threading
import uuid
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from accounts.actor import Actor
from orgs.models import Membership, Org
from packages import advisories
from packages.models import RuleException, RuleSet, RulesStamp
from packages.models.rules import Rule
from packages.rules import composing
from packages.rules.composing import Effective, Layer
from packages.rules.engine import Check, Exemption, Source
from packages.rules.values import Values
from registry_site.prepared import PreparedQuery

ONE = 1  # the only row of its table
EXCEPTIONS_ONLY = "exceptions"  # what messages call an org's rules where it has no set of its own
MOST_COMPOSED = 1_000
NOTHING = Effective()


def effective(actor: Actor) -> Effective:
    """The rules for mirrored packages that hold for this actor: the registry's, and what the actor's orgs have instead.

    A service account and a trusted publisher are of their org. A token that is limited to orgs, or to packages and
    scopes of orgs, is of those; whoever else is of all their orgs; nobody and operators are of none. Of several the
    strictest counts. One small query; a second one where an org has rules of its own.
    """
    state = _current()
    if state is None:
        return NOTHING
    theirs = orgs_of(actor) if state.orgs else frozenset()
    return state.effective(theirs, timezone.now())


def orgs_of(actor: Actor) -> frozenset[int]:
    """The orgs that the actor speaks for, by id. One query at most."""
    token = actor.token
    if actor.credential == "operator" or not actor.is_signed_in:
        return frozenset()
    if actor.is_service:
        return frozenset(Org.objects.filter(scope=token.holder_id).values_list("pk", flat=True))
    if actor.is_publisher:
        return frozenset(Org.objects.filter(scope__name__in=_scopes(token)).values_list("pk", flat=True))
    rows = Membership.objects.standing().filter(user=actor.user).values_list("org", "org__scope__name")
    theirs = dict(rows.order_by())
    limits = _scopes(token) if token is not None else set()
    return frozenset(key for key, name in theirs.items() if name in limits) or frozenset(theirs)


def layers(org: Org | None) -> tuple[Layer | None, Layer | None]:
    """What counts now of the registry and of an org, each with its exceptions. One small query."""
    state = _current()
    if state is None:
        return None, None
    now = timezone.now()
    return _at(state.registry, now), _at(state.orgs.get(org.pk), now) if org else None


def changed() -> None:
    """Tell every process that a rule changed; for the transaction of the change."""
    RulesStamp.objects.update_or_create(pk=ONE, defaults={"stamp": uuid.uuid4().hex})


def lock() -> None:
    """Let one change of rules at a time through; inside its transaction."""
    RulesStamp.objects.get_or_create(pk=ONE)
    RulesStamp.objects.select_for_update().get(pk=ONE)


def _live_layers(now: datetime) -> tuple[Layer | None, dict[int, Layer]]:
    sets = {each.org_id: each for each in RuleSet.objects.filter(active=True).select_related("org__scope")}
    exceptions: dict[int | None, list[RuleException]] = defaultdict(list)
    live = RuleException.objects.filter(ended_at=None, ends_at__gt=now).select_related("org__scope")
    for each in live:
        exceptions[each.org_id].append(each)
    orgs = {key: _layer(sets.get(key), exceptions[key]) for key in {*sets, *exceptions} if key is not None}
    registry = _layer(sets[None], exceptions[None]) if None in sets else None
    return registry, orgs


def _of_rows(values: Values, name: str, number: int, org: Org | None, exceptions: list[RuleException]) -> Layer:
    source = Source(name, number, org.name if org else "")
    return Layer(values, source, tuple((Rule(e.rule), Exemption(e.package, e.range, e.ends_at)) for e in exceptions))


def _layer(kept: RuleSet | None, exceptions: list[RuleException]) -> Layer:
    if kept is None:
        return _of_rows(Values(), EXCEPTIONS_ONLY, 0, exceptions[0].org, exceptions)
    return _of_rows(Values.from_json(kept.values), kept.name, kept.number, kept.org, exceptions)


def _scopes(token) -> set[str]:
    named = {package[1:].partition("/")[0] for package in token.packages if package.startswith("@")}
    return named | set(token.scopes) | set(token.orgs)


# --- what this process knows -------------------------------------------------------------------------------------


@dataclass
class _State:
    """All rules that are switched on, as of one stamp, and what was composed of them."""

    stamp: str
    registry: Layer | None
    orgs: dict[int, Layer]
    composed: dict[frozenset[int | None], tuple[Effective, datetime | None]] = field(default_factory=dict)

    def effective(self, theirs: frozenset[int], now: datetime) -> Effective:
        # Of all orgs without rules of their own one is as good as another.
        key = frozenset(each if each in self.orgs else None for each in theirs) or frozenset({None})
        found = self.composed.get(key)
        if found is None or (found[1] is not None and found[1] <= now):
            if len(self.composed) >= MOST_COMPOSED:
                self.composed.clear()
            found = self.composed[key] = self._compose(key, now)
        return found[0]

    def _compose(self, key: frozenset[int | None], now: datetime) -> tuple[Effective, datetime | None]:
        registry = _at(self.registry, now)
        checks: list[Check] = []
        for each in key:
            checks += composing.checks(registry, _at(self.orgs.get(each), now) if each is not None else None)
        ends = [e.ends_at for check in checks for e in check.exemptions]
        return Effective.of(checks, _mends), min(ends, default=None)


def _mends(name: str, young: Collection[str]) -> Collection[str]:
    return advisories.fixed_versions(name, among=young)


def _at(layer: Layer | None, now: datetime) -> Layer | None:
    if layer is None:
        return None
    return Layer(layer.values, layer.source, tuple(each for each in layer.exemptions if each[1].ends_at > now))


_STAMP = PreparedQuery(lambda key: RulesStamp.objects.filter(pk=key), int)
_known: _State | None = None
_lock = threading.Lock()


def _current() -> _State | None:
    global _known
    row = _STAMP.first(ONE)
    if row is None:
        return None
    known = _known
    if known is None or known.stamp != row.stamp:
        with _lock:
            # Read after the stamp: what changes meanwhile brings another stamp, and is read again.
            known = _known = _State(row.stamp, *_live_layers(timezone.now()))
    return known
