"""Sets of rules: each change is a new version, and which one counts is said by somebody."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from accounts import audit
from accounts.actor import Actor
from orgs import access as org_access
from orgs.access import Action
from orgs.models import Org
from packages.models import RuleSet
from packages.models.rules import MAX_TITLE, MAX_WHY, Rule
from packages.rules import holding
from packages.rules.values import YES_OR_NO, Values
from registry_site.errors import Conflict, Invalid, NotAllowed, NotFound


def write(actor: Actor, org_name: str, values: Values, *, name: str, why: str) -> RuleSet:
    """Keep a new version of a set. Nothing changes for anybody until it is switched on.

    org_name: "" for the registry's, which operators write; owners and admins of an org write what theirs has otherwise.
    why: for whoever reads the versions later. Raises NotAllowed, NotFound, Invalid.
    """
    name, why = " ".join(name.split()), " ".join(why.split())
    if not 0 < len(name) <= MAX_TITLE:
        raise Invalid(f"give the rules a name of up to {MAX_TITLE} characters; errors and pages use it", code="name")
    if not 0 < len(why) <= MAX_WHY:
        raise Invalid(f"say why, in up to {MAX_WHY} characters; it stays beside this version", code="why")
    with transaction.atomic():
        org = managed(actor, org_name)
        holding.lock()
        if org is not None:
            _require_allowed(values)
        last = RuleSet.objects.filter(org=org).aggregate(last=Max("number"))["last"] or 0
        kept = RuleSet.objects.create(
            org=org, number=last + 1, name=name, values=values.as_json(), why=why, made_by=actor.name
        )
        audit.record(actor, "rules.written", org=org.name if org else "", version=kept.number, name=name, why=why)
    return kept


def activate(actor: Actor, org_name: str, number: int) -> RuleSet:
    """Switch a version on, in place of the one that counts now; what is so already changes nothing.

    Raises NotAllowed, NotFound, Conflict when an org's asks for less than the registry lets it by now.
    """
    with transaction.atomic():
        org = managed(actor, org_name)
        holding.lock()
        kept = find(org, number)
        if kept.active:
            return kept
        if org is not None:
            try:
                _require_allowed(Values.from_json(kept.values))
            except Invalid as refusal:
                raise Conflict(refusal.message) from refusal
        RuleSet.objects.filter(org=org, active=True).update(active=False)
        kept.active, kept.activated_at, kept.activated_by = True, timezone.now(), actor.name
        kept.save(update_fields=["active", "activated_at", "activated_by"])
        holding.changed()
        audit.record(actor, "rules.activated", org=org.name if org else "", version=kept.number, name=kept.name)
    return kept


def stop(actor: Actor, org_name: str) -> RuleSet:
    """Switch the set off that counts; its versions stay to be read. Raises NotAllowed, NotFound."""
    with transaction.atomic():
        org = managed(actor, org_name)
        holding.lock()
        kept = active(org)
        if kept is None:
            raise NotFound("no rules are switched on here")
        RuleSet.objects.filter(pk=kept.pk).update(active=False)
        holding.changed()
        audit.record(actor, "rules.stopped", org=org.name if org else "", version=kept.number, name=kept.name)
    return kept


def active(org: Org | None) -> RuleSet | None:
    """The version that counts, of the registry's set or of an org's."""
    return RuleSet.objects.filter(org=org, active=True).select_related("org__scope").first()


def listed(org: Org | None) -> QuerySet[RuleSet]:
    """All versions of a set, the newest first."""
    return RuleSet.objects.filter(org=org).select_related("org__scope")


def shown(org: Org | None, most: int) -> tuple[RuleSet | None, list[RuleSet]]:
    """The version that counts, and the newest ones with it among them. One query."""
    rows = list(listed(org).order_by("-active", "-number")[:most])
    counts = rows[0] if rows and rows[0].active else None
    return counts, sorted(rows, key=lambda each: -each.number)


def find(org: Org | None, number: int) -> RuleSet:
    """One version of a set. Raises NotFound."""
    kept = listed(org).filter(number=number).first()
    if kept is None:
        raise NotFound(f"these rules have no version {number}")
    return kept


def managed(actor: Actor, org_name: str) -> Org | None:
    """The org whose rules an actor may change, None for the registry's.

    Raises NotAllowed, and for strangers of an org the NotFound of `seen`.
    """
    if org_name:
        return managed_org(actor, org_name)
    if actor.credential != "operator":
        raise NotAllowed("only operators of this registry change its rules, in the admin site")
    return None


def managed_org(actor: Actor, org_name: str) -> Org:
    """The org, for its owners and admins. Raises as `managed`."""
    seen(actor, org_name)
    return org_access.find(actor, Action.TEAMS, org_name)


def seen(actor: Actor, org_name: str) -> Org:
    """The org, for its members: nobody else learns whether it has rules of its own.

    Raises SignInRequired, NotFound, NotAllowed for a member from whom the org asks for two-factor.
    """
    org = org_access.find(actor, Action.VIEW, org_name)
    if Action.PEOPLE not in org.allowed:
        org_access.require_unlocked(actor, org.name)
        raise NotFound("there is nothing at this address")
    return org


def _require_allowed(values: Values) -> None:
    # The engine lets the registry's rule stand anyway; whoever writes the set is told before they rely on it.
    registry = active(None)
    base = Values.from_json(registry.values) if registry else Values()
    if values.loosens:
        raise Invalid("only the rules of the registry say what orgs may loosen", code="loosens")
    if values.cooldown is not None and values.cooldown < (base.cooldown or 0) and Rule.COOLDOWN not in base.loosens:
        raise Invalid(
            f"the registry asks for {base.cooldown} days and lets no org ask for less", code=Rule.COOLDOWN.value
        )
    for rule in YES_OR_NO:
        if getattr(values, rule.value) and getattr(base, rule.value) is False and rule not in base.loosens:
            raise Invalid(
                f"the registry does not allow this ({rule.label.lower()}), and lets no org allow it", code=rule.value
            )
