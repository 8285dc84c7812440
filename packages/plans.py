"""Paid access to private packages (`PRIVATE_PACKAGES=subscribers`): refusals in npm's words."""

from __future__ import annotations

from django.conf import settings

from accounts.models import Scope, User
from packages.models import Access
from registry_site.errors import PaymentRequired


def require_paid_scope(scope: Scope | None, level: str) -> None:
    """Raises PaymentRequired when a package of this level may not be in this scope on its plan."""
    if _are_for_subscribers() and level == Access.RESTRICTED and scope is not None and not scope.is_paid:
        raise PaymentRequired(
            f"You must sign up for private packages: the scope @{scope.name} is on the free plan, "
            "which has public packages only"
        )


def require_paid_people(users: list[User], level: str) -> None:
    """Raises PaymentRequired when one of these people may not be given a package of this level on their plan."""
    if not _are_for_subscribers() or level != Access.RESTRICTED:
        return
    unpaid = Scope.objects.filter(user__in=users, plan=Scope.Plan.FREE).values_list("name", flat=True)
    if unpaid:
        raise PaymentRequired(f"You must sign up for private packages: {', '.join(unpaid)} is on the free plan")


def _are_for_subscribers() -> bool:
    return settings.PRIVATE_PACKAGES == "subscribers"
