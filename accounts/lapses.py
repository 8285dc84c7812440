"""People who did not sign in with the provider for too long: no provider tells us who left, and who left cannot."""

from __future__ import annotations

from datetime import timedelta

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.utils import timezone

from accounts import absence, provider
from accounts.models import User


def suspend_late() -> int:
    """Suspend whose last sign-in with the provider is longer ago than OIDC_SIGN_IN_DAYS; gives how many. For a timer.

    Signing in there again lets them in at once. Accounts that were never connected with the provider stay.
    """
    days = settings.OIDC_SIGN_IN_DAYS
    if not days or not provider.is_on():
        return 0
    mine = SocialAccount.objects.filter(provider=provider.ID)
    lately = mine.filter(last_login__gte=timezone.now() - timedelta(days=days))
    late = User.objects.filter(is_active=True, pk__in=mine.values("user")).exclude(pk__in=lately.values("user"))
    reason = f"did not sign in with {settings.OIDC_NAME} for {days} days"
    return sum(absence.begin(user, absence.Source.PROVIDER, reason) for user in late.order_by("pk"))
