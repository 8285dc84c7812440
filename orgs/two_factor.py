"""Orgs that ask their members for two-factor: nothing comes through the org for members without."""

from __future__ import annotations

from django.db import transaction
from django.db.models import OuterRef, QuerySet

from accounts import audit
from accounts.actor import Actor, Power
from accounts.models import User
from accounts.twofactor import present
from orgs import access, telling
from orgs.access import Action
from orgs.models import Membership, Org
from registry_site.errors import NotAllowed


def require(actor: Actor, org_name: str, required: bool) -> Org:
    """Ask the members for two-factor, or ask no more; what is so already changes nothing.

    Members stay members: their rights rest until an app or a passkey is set up, and are back at that moment.
    Raises NotAllowed for an owner who has none, because nobody locks themselves out.
    """
    person = actor.require_person(Power.GOVERN)
    with transaction.atomic():
        org = access.find(actor, Action.MEMBERS, org_name, lock=True)
        if required == org.requires_two_factor:
            return org
        if required and not person.has_two_factor:
            raise NotAllowed(
                "turn two-factor on for yourself first, under Settings; then ask the others for it",
                code="two_factor_required",
            )
        org.requires_two_factor = required
        org.save(update_fields=["requires_two_factor"])
        audit.record(actor, "org.two_factor", org=org.name, asks="required" if required else "optional")
        if required:
            telling.locked_out(actor, org, User.objects.filter(memberships__in=without(org)))
    return org


def without(org: Org) -> QuerySet[Membership]:
    """The members who have no two-factor, whatever the org asks for."""
    return org.memberships.filter(~present.of(OuterRef("user"))).select_related("user")
