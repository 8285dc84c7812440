"""Suspending people: nothing of theirs is deleted, and nothing that speaks for them is believed meanwhile."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts import audit, sessions
from accounts.actor import Actor
from accounts.models import Absence, Token, User
from registry_site.errors import Conflict, Invalid, NotAllowed, NotFound

MAX_REASON = 200


def suspend(actor: Actor, name: str, reason: str) -> User:
    """Shut a person out at once: browser sessions end, tokens are refused, nobody signs in or resets the password.

    Packages, grants and memberships stay; workflows that the person's scope trusts publish nothing meanwhile.
    Somebody whom their company no longer knows (`absence`) is suspended by the operator from then on.
    reason: for the audit log, which members of an org do not see.
    Raises NotAllowed for anybody but an operator, NotFound, Invalid without a reason, Conflict for oneself, the last
    admin, or somebody who is suspended already.
    """
    _require_operator(actor)
    reason = " ".join(reason.split())
    if not 0 < len(reason) <= MAX_REASON:
        raise Invalid(f"say why, in up to {MAX_REASON} characters, for the audit log")
    with transaction.atomic():
        user = _person(name)
        was_absent, _ = Absence.objects.filter(user=user).delete()
        if not user.is_active and not was_absent:
            raise Conflict(f"{user.username} is suspended already")
        if actor.user is not None and actor.user.pk == user.pk:
            raise Conflict("you cannot suspend yourself; ask another operator")
        if is_last_admin(user):
            raise Conflict(f"{user.username} is the last admin; make another person admin first")
        shut_out(actor, user, reason)
    return user


def unsuspend(actor: Actor, name: str) -> User:
    """Let a person in again: they sign in anew, and tokens that were neither revoked nor expired work again.

    Raises NotAllowed for anybody but an operator, NotFound, Conflict for somebody who is not suspended.
    """
    _require_operator(actor)
    with transaction.atomic():
        user = _person(name)
        if user.is_active:
            raise Conflict(f"{user.username} is not suspended")
        let_in(actor, user)
    return user


def shut_out(actor: Actor, user: User, reason: str) -> None:
    """What `suspend` does; part of a larger transaction, which locked the person and decided it."""
    user.is_active = False
    user.save(update_fields=["is_active"])
    sessions.end_all(user)
    _end_workflows(user)
    audit.record(actor, "user.suspended", person=user.username, reason=reason)


def let_in(actor: Actor, user: User) -> None:
    """What `unsuspend` does; part of a larger transaction, as `shut_out`."""
    Absence.objects.filter(user=user).delete()
    user.is_active = True
    user.save(update_fields=["is_active"])
    audit.record(actor, "user.unsuspended", person=user.username)


def is_last_admin(user: User) -> bool:
    """Whether nobody could operate the registry without this person."""
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    return user.is_superuser and not others.exists()


def _end_workflows(user: User) -> None:
    alive = Token.objects.filter(kind=Token.Kind.TRUSTED, revoked_at=None, expires_at__gt=timezone.now())
    start = f"@{user.username}/"
    theirs = [token.pk for token in alive if any(name.startswith(start) for name in token.packages)]
    Token.objects.filter(pk__in=theirs).update(revoked_at=timezone.now())


def _person(name: str) -> User:
    user = User.objects.select_for_update().filter(username=name.removeprefix("@")).first()
    if user is None:
        raise NotFound(f"there is no user {name}")
    return user


def _require_operator(actor: Actor) -> None:
    if actor.credential != "operator":
        raise NotAllowed("only operators of this registry do this, in the admin site")
