"""Approving a command in the browser, instead of typing a one-time password."""

from __future__ import annotations

import secrets
import string
import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts import bearer
from accounts.actor import Actor
from accounts.models import Approval
from accounts.twofactor import codes
from registry_site.errors import NotFound, SignInRequired

LIFETIME = timedelta(minutes=10)
TYPED_LENGTH = 16  # digits: npm's prompt takes nothing else; 53 bits, for five minutes and one token


@dataclass(frozen=True)
class Challenge:
    """A command waits for approval: `public_id` opens the page, `poll_secret` fetches the one-time password."""

    public_id: uuid.UUID
    poll_secret: str


def challenge(actor: Actor, command: str, agent: str) -> Challenge:
    """Let a command of the actor wait for approval in the browser.

    Source: `npm publish` with `npm-auth-type: web`; the answer's `authUrl` and `doneUrl`.
    """
    secret = secrets.token_urlsafe(32)
    Approval.objects.filter(user=actor.user, created_at__lte=timezone.now() - LIFETIME).delete()
    waiting = Approval.objects.create(
        public_id=uuid.uuid4(),
        poll_digest=bearer.digest(secret),
        user=actor.user,
        token=actor.token,
        command=command[:100],
        address=actor.address,
        agent=agent[:200],
    )
    return Challenge(waiting.public_id, secret)


def waiting(actor: Actor, public_id: uuid.UUID, *, lock: bool = False) -> Approval:
    """The command of the actor's own that waits. Raises NotFound when it ended, or belongs to somebody else."""
    found = _open(lock=lock, public_id=public_id, user=actor.user, approved_at=None)
    if found is None:
        raise NotFound("this request ended; run the command again")
    return found


def approve(actor: Actor, public_id: uuid.UUID) -> str:
    """Let the command go on; gives the one-time password, for a terminal that asks to type one.

    Raises SignInRequired, NotFound as `waiting`; OneTimePassRequired when the session showed no second factor.
    """
    if actor.user is None:
        raise SignInRequired("sign in to approve this")
    actor.require_second_factor()
    with transaction.atomic():
        approval = waiting(actor, public_id, lock=True)
        code = "".join(secrets.choice(string.digits) for _ in range(TYPED_LENGTH))
        approval.approved_at = timezone.now()
        approval.save(update_fields=["approved_at"])
        codes.accept(approval.user, approval.token, code)
    return " ".join(code[at : at + 4] for at in range(0, TYPED_LENGTH, 4))


def deny(actor: Actor, public_id: uuid.UUID) -> None:
    """Stop the command. Raises NotFound as `waiting`."""
    with transaction.atomic():
        approval = waiting(actor, public_id, lock=True)
        approval.closed_at = timezone.now()
        approval.save(update_fields=["closed_at"])


def fetch(poll_secret: str) -> str | None:
    """The one-time password of an approved command, once; None while it waits.

    Raises NotFound when it was denied, fetched, or is older than ten minutes.
    """
    poll_digest = bearer.digest(poll_secret)
    seen = _open(poll_digest=poll_digest)
    if seen is not None and seen.approved_at is None:
        return None  # asked every two seconds: no lock for that
    with transaction.atomic():
        approval = _open(lock=True, poll_digest=poll_digest)
        if approval is None:
            raise NotFound("this request ended; run the command again")
        approval.closed_at = timezone.now()
        approval.save(update_fields=["closed_at"])
        code = secrets.token_urlsafe(24)
        codes.accept(approval.user, approval.token, code)
    return code


def _open(*, lock: bool = False, **lookup) -> Approval | None:
    found = Approval.objects.filter(closed_at=None, created_at__gt=timezone.now() - LIFETIME, **lookup)
    return (found.select_for_update() if lock else found).first()
