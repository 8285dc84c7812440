"""After a restore nobody is in: what was ended since the backup must not open anything again."""

from __future__ import annotations

from collections.abc import Iterator

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts.models import Approval, Device, Invitation, Token, User, WebLogin
from orgs.models import Invitation as OrgInvitation
from orgs.models import Membership, Role
from packages.models import FeedKey, TrustedPublisher, WebhookDelivery

GONE = (Session, UserSession, WebLogin, Approval, FeedKey, Device)


def end(alias: str) -> int:
    """End all that lets somebody in but passwords and second factors; gives how many tokens were ended.

    Tokens of every kind are revoked and stay on their lists, so that people see what they had. Links of invitations
    open nothing more. Recovery codes go, because one that was used since would be good again. What waited to be sent,
    mail with links in it and webhooks, was sent since, and is not sent twice.
    alias: a database that nobody uses meanwhile.
    """
    now = timezone.now()
    for model in GONE:
        model._base_manager.using(alias).all().delete()
    Authenticator.objects.using(alias).filter(type=Authenticator.Type.RECOVERY_CODES).delete()
    # A link for a new password rests on this moment: one that was used since would be good again.
    User.objects.using(alias).update(last_login=now)
    Invitation.objects.using(alias).filter(used_at=None).update(expires_at=now)
    OrgInvitation.objects.using(alias).filter(closed_at=None).update(
        closed_at=now, outcome=OrgInvitation.Outcome.REVOKED
    )
    DBTaskResult.objects.using(alias).filter(finished_at=None).delete()
    WebhookDelivery.objects.using(alias).exclude(next_attempt_at=None).update(
        next_attempt_at=None, failure="not sent: the registry was restored from a backup"
    )
    return Token.objects.using(alias).filter(revoked_at=None).update(revoked_at=now)


def trusted() -> Iterator[tuple[str, list[str]]]:
    """Who can do most in the database in use, for people to look through: what it is, and their names."""
    users = User.objects.filter(is_active=True).order_by("username")
    yield "operators", list(users.filter(is_staff=True).values_list("username", flat=True))
    held = Membership.objects.filter(role__in=(Role.OWNER, Role.ADMIN), user__is_active=True)
    rows = held.order_by("org__scope__name", "user__username").values_list("org__scope__name", "user__username", "role")
    yield "owners and admins of orgs", [f"@{org}: {user} ({role})" for org, user, role in rows]
    publishers = TrustedPublisher.objects.order_by("name").values_list("name", "kind")
    yield "trusted publishers", [f"{name} ({kind})" for name, kind in publishers]
