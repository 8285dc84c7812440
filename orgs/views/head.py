"""What every page of an org shows above its tabs."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce

from orgs import access, invitations
from orgs.models import Membership, Org, Team


def head(request, org: Org) -> dict[str, Any]:
    """The org, what the viewer may do, the counts of its tabs; for one who is no member, an invitation that waits.

    org: found for the viewer.
    """
    insider = access.Action.PEOPLE in org.allowed
    return {
        "org": org,
        "can": org.allowed,
        **_counts(org),
        "locked_out": not insider and access.is_locked_out(request.actor, org),
        "invited": not insider and invitations.waiting_for(request.actor).filter(org=org).exists(),
    }


def _counts(org: Org) -> dict[str, int]:
    counts = {"member_count": _number_of(Membership), "team_count": _number_of(Team)}
    return Org.objects.filter(pk=org.pk).values(**counts).get()


def _number_of(model: type[Membership] | type[Team]) -> Coalesce:
    rows = model.objects.filter(org=OuterRef("pk")).order_by().values("org")
    return Coalesce(Subquery(rows.annotate(number=Count("pk")).values("number")), 0)
