"""What a person's account holds of orgs, when the account is to be deleted."""

from __future__ import annotations

from django.urls import reverse

from accounts import audit
from accounts.departure import Obstacle
from orgs import organizations
from orgs.models import Membership, Role


def weigh(sender, user, consequences, **more) -> None:
    """Say what stands in the way: orgs that would have no owner; and in how many the person is."""
    memberships = list(organizations.of(user))
    owned = [membership for membership in memberships if membership.role == Role.OWNER]
    shared = Membership.objects.standing().filter(role=Role.OWNER, user__is_active=True).exclude(user=user)
    handed = set(shared.filter(org__in=[membership.org_id for membership in owned]).values_list("org", flat=True))
    for membership in owned:
        if membership.org_id not in handed:
            text = f"You are the last owner of {membership.org.name}. Make another member owner."
            consequences.obstacles.append(Obstacle(text, reverse("org-members", args=[membership.org.name])))
    if memberships:
        count = len(memberships)
        consequences.ends.append(f"your place in {count} organization{'s' * (count != 1)} and their teams")


def leave(sender, actor, user, **more) -> None:
    """End every membership of the person, and with it their seats."""
    for membership in organizations.of(user):
        org, role = membership.org.name, membership.role
        membership.delete()
        audit.record(actor, "member.removed", org=org, person=user.username, role=role)
