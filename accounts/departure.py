"""Deleting an account: what stands in the way, what ends with it, and the end.

Apps above this one know what else a person holds; they say so by the two signals.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import transaction
from django.dispatch import Signal

from accounts import audit, notices, sessions, tokens
from accounts.actor import Actor, Power
from accounts.models import Scope, User
from registry_site.errors import Conflict, Invalid

# Sent with `user` and `consequences`, which its receivers add to.
asked = Signal()
# Sent with `actor` and `user`, inside the transaction, while the person still holds everything.
leaving = Signal()


@dataclass(frozen=True)
class Obstacle:
    """Something to do first. text: a sentence; address: of the page where it is done."""

    text: str
    address: str = ""


@dataclass
class Consequences:
    """What deleting an account would do. obstacles: what has to be done before. ends: what goes with it."""

    obstacles: list[Obstacle] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)


def consequences(user: User) -> Consequences:
    """What stands in the way of deleting this account, and what would end."""
    found = Consequences()
    if user.is_superuser and not User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk).exists():
        found.obstacles.append(Obstacle("You are the only admin of this registry. Make somebody else admin first."))
    live, open_sessions = len(tokens.live(user)), len(sessions.of(user, None))
    if live:
        found.ends.append(f"{live} token{'s' * (live != 1)}: whatever uses them gets 401 at once")
    if open_sessions:
        found.ends.append(f"{open_sessions} browser session{'s' * (open_sessions != 1)}")
    asked.send(User, user=user, consequences=found)
    return found


def delete(actor: Actor, typed: str) -> None:
    """Delete the actor's account, for ever. The name stays taken, and what the person published stays.

    typed: the person's name, as they typed it to confirm.
    Raises SignInRequired, StepUpRequired unless the session showed lately who it is, Invalid for another name typed,
    Conflict while something stands in the way.
    """
    user = actor.require_person(Power.ACCOUNT)
    actor.require_recent()
    if typed.strip().lower() != user.username:
        raise Invalid(f"type {user.username} to delete the account")
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        if obstacles := consequences(user).obstacles:
            raise Conflict(obstacles[0].text[:1].lower() + obstacles[0].text[1:].rstrip("."))
        leaving.send(User, actor=actor, user=user)
        notices.tell(
            user,
            notices.Kind.SECURITY,
            f"Your account {user.username} was deleted",
            f"It was deleted {tokens.made_from(actor)}. Nobody else gets the name.",
            "If this was not you, tell whoever runs this registry.",
        )
        audit.record(actor, "user.deleted", person=user.username)
        sessions.end_all(user)
        Scope.objects.filter(user=user).update(user=None)
        user.delete()
