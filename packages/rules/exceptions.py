"""Exceptions from a rule: for one package, with a reason, a person who answers for it, and an end."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from django.db import transaction
from django.db.models import Case, QuerySet, Value, When
from django.utils import timezone

from accounts import audit, notices
from accounts.actor import Actor
from accounts.models import User
from accounts.notices import Kind
from orgs.models import Org
from packages.models import RuleException, RuleSet
from packages.models.rules import MAX_WHY, Rule
from packages.names import PackageName
from packages.rules import holding
from packages.rules.composing import in_force
from packages.rules.sets import managed
from packages.rules.values import Values, read_range
from registry_site.errors import Conflict, Invalid, NotFound

LONGEST = timedelta(days=366)
REMINDED = timedelta(days=7)  # so long before its end its owner is told
MOST = 1_000  # that live at once, of the registry or of an org


def make(
    actor: Actor, org_name: str, *, rule: str, package: str, range: str, reason: str, owner: str, until: date | None
) -> RuleException:
    """Let a package through one rule up to the end of a day (UTC).

    org_name: "" for everybody, which operators may; owners and admins of an org for the org. range: "" for all
    versions. owner: the user name of who answers for it; of an org a member. Raises NotAllowed, NotFound, Invalid.
    """
    now, reason = timezone.now(), " ".join(reason.split())
    if rule not in Rule.values:
        raise Invalid(f"{rule[:20]} is no rule", code="rule")
    try:
        package = PackageName.parse(package.strip(), old=True).full
    except Invalid as refusal:
        raise Invalid(refusal.message, code="package") from refusal
    range = read_range(range)
    if not 0 < len(reason) <= MAX_WHY:
        raise Invalid(f"say why, in up to {MAX_WHY} characters; whoever sees the rules sees it", code="reason")
    if until is None or not now.date() <= until <= (now + LONGEST).date():
        raise Invalid("an exception ends on a day from today on, within a year", code="until")
    ends_at = datetime.combine(until + timedelta(days=1), time.min, UTC)
    with transaction.atomic():
        org = managed(actor, org_name)
        holding.lock()
        if org is not None:
            _require_own(org, Rule(rule))
        if live(org).count() >= MOST:
            raise Invalid(f"there are {MOST} exceptions; end some first", code="package")
        person = _owner(org, owner)
        made = RuleException.objects.create(
            org=org,
            rule=rule,
            package=package,
            range=range,
            reason=reason,
            owner=person,
            owner_name=person.username,
            made_by=actor.name,
            ends_at=ends_at,
        )
        holding.changed()
        _record(actor, "rules.excepted", made, until=until.isoformat(), reason=reason)
        if person != actor.user:
            who = actor.name or "An operator"
            _tell(made, f"You answer for an exception: {made.subject}", f"{who} made it: {reason}")
    return made


def end(actor: Actor, org_name: str, key: int) -> RuleException:
    """End an exception now. Raises NotAllowed, NotFound, Conflict when it is over."""
    with transaction.atomic():
        kept = _kept(actor, org_name, key)
        if not kept.is_live:
            raise Conflict("this exception is over already")
        kept.ended_at, kept.ended_by = timezone.now(), actor.name
        kept.save(update_fields=["ended_at", "ended_by"])
        holding.changed()
        _record(actor, "rules.exception_ended", kept)
        if kept.owner and kept.owner != actor.user:
            _tell(kept, f"An exception that you answered for is over: {kept.subject}", "It was ended before its day.")
    return kept


def resume(actor: Actor, org_name: str, key: int) -> RuleException:
    """Take `end` back, up to the day that was said first. Raises NotAllowed, NotFound, Conflict."""
    with transaction.atomic():
        kept = _kept(actor, org_name, key)
        if kept.ended_at is None or kept.ends_at <= timezone.now():
            raise Conflict("this exception cannot be resumed; make a new one")
        kept.ended_at, kept.ended_by = None, ""
        kept.save(update_fields=["ended_at", "ended_by"])
        holding.changed()
        _record(actor, "rules.exception_resumed", kept)
    return kept


def live(org: Org | None) -> QuerySet[RuleException]:
    """Those that count now, the one that ends first before the others."""
    rows = RuleException.objects.filter(org=org, ended_at=None, ends_at__gt=timezone.now())
    return rows.select_related("org__scope", "owner")


def shown(org: Org | None, most: int) -> tuple[list[RuleException], list[RuleException]]:
    """Those that count now, the one that ends first before the others, and those that are over, the last one first.

    most: of both together, and then the older ones are left out. One query.
    """
    counts = Case(When(ended_at=None, ends_at__gt=timezone.now(), then=Value(0)), default=Value(1))
    rows = RuleException.objects.filter(org=org).select_related("owner").order_by(counts, "-ends_at", "-pk")[:most]
    found: tuple[list[RuleException], list[RuleException]] = ([], [])
    for each in rows:
        found[0 if each.is_live else 1].append(each)
    return found[0][::-1], found[1]


def remind() -> int:
    """Tell the owners of exceptions that end within a week, each once; how many. Run once a day."""
    now = timezone.now()
    with transaction.atomic():
        soon = RuleException.objects.filter(
            ended_at=None, ends_at__gt=now, ends_at__lte=now + REMINDED, reminded_at=None, made_at__lt=now - REMINDED
        )
        rows = list(soon.select_related("org__scope", "owner").select_for_update(of=("self",)))
        for each in rows:
            day = each.ends_at - timedelta(days=1)
            words = f"After {day:%-d %B %Y} the rule holds {each.subject} back again, unless somebody makes a new one."
            _tell(each, f"An exception ends soon: {each.subject}", words)
        RuleException.objects.filter(pk__in=[each.pk for each in rows]).update(reminded_at=now)
    return len(rows)


def _kept(actor: Actor, org_name: str, key: int) -> RuleException:
    org = managed(actor, org_name)
    holding.lock()
    kept = RuleException.objects.filter(org=org, pk=key).select_related("org__scope", "owner").first()
    if kept is None:
        raise NotFound("there is no such exception")
    return kept


def _require_own(org: Org, rule: Rule) -> None:
    # From a rule that the registry lets no org loosen an org excepts nothing; from its own it does.
    registry = RuleSet.objects.filter(org=None, active=True).first()
    values = Values.from_json(registry.values) if registry else Values()
    if registry is None or rule in values.loosens:
        return
    own = RuleSet.objects.filter(org=org, active=True).first()
    if own is None or in_force(Values.from_json(own.values), rule) is None:
        raise Invalid(
            f"the registry lets no org loosen this rule ({rule.label.lower()}); ask its operators for an exception",
            code="rule",
        )


def _owner(org: Org | None, name: str) -> User:
    name = name.strip().lower().removeprefix("@").removeprefix("~")
    people = User.objects.filter(username=name, is_active=True)
    if org is not None:
        people = people.filter(memberships__org=org)
    person = people.first()
    if person is None:
        raise Invalid(f"there is no {'member' if org else 'person'} {name[:64]} to answer for it", code="owner")
    return person


def _record(actor: Actor, action: str, made: RuleException, **facts: str) -> None:
    # Not as an event of the package: who may see a public package is not told what an org has otherwise.
    facts |= {"subject": made.subject, "rule": made.get_rule_display().lower()}
    audit.record(actor, action, org=made.org.name if made.org else "", person=made.owner_name, **facts)


def _tell(made: RuleException, subject: str, *words: str) -> None:
    if made.owner is None:
        return
    about = f"The rule: {made.get_rule_display().lower()}. It ends after {made.ends_at - timedelta(days=1):%-d %B %Y}."
    page = notices.page("org-rules", made.org.name) if made.org else notices.page("rules")
    notices.tell(made.owner, Kind.RULES, subject, *words, about, link=("See the rules", page))
