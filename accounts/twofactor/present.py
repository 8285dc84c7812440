"""Whether people have two-factor on, as a condition of queries; for one person at hand there is `has_two_factor`."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.db.models import Exists, OuterRef


def of(user: int | OuterRef) -> Exists:
    """True where this person has an app or a passkey; recovery codes alone are no second factor.

    user: an id, or the column of the outer query that holds one.
    """
    return Exists(Authenticator.objects.filter(user=user).exclude(type=Authenticator.Type.RECOVERY_CODES))
