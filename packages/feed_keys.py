"""Keys in the addresses of feeds: they open what their person may see, as a feed, and nothing else."""

from __future__ import annotations

import secrets

from django.db import transaction
from django.utils import timezone

from accounts import audit, bearer
from accounts.actor import Actor
from accounts.models import User
from packages.models import FeedKey
from registry_site.errors import NotFound, SignInRequired

BYTES = 32


def issue(actor: Actor) -> str:
    """Make a person's key, in place of the one before it; the only time that it is shown. Raises SignInRequired."""
    user = _person(actor)
    secret = secrets.token_urlsafe(BYTES)
    with transaction.atomic():
        columns = {"digest": bearer.digest(secret), "created_at": timezone.now()}
        FeedKey.objects.update_or_create(user=user, defaults=columns)
        audit.record(actor, "feed_key.created", person=user.username)
    return secret


def revoke(actor: Actor) -> None:
    """End a person's key at once; without one nothing changes. Raises SignInRequired."""
    user = _person(actor)
    with transaction.atomic():
        if FeedKey.objects.filter(user=user).delete()[0]:
            audit.record(actor, "feed_key.revoked", person=user.username)


def of(user: User) -> FeedKey | None:
    """A person's key, without the secret, which nobody has."""
    return FeedKey.objects.filter(user=user).first()


def reader(secret: str, address: str | None, request_id: str) -> Actor:
    """Who a key reads for; the policy is asked as this person at each request.

    Raises NotFound for a key that was never made, was revoked, or whose person is suspended, in the same words.
    """
    key = FeedKey.objects.select_related("user").filter(digest=bearer.digest(secret), user__is_active=True).first()
    if key is None:
        raise NotFound("this key opens no feed; make another under Settings")
    return Actor(user=key.user, credential="feed", address=address, request_id=request_id)


def _person(actor: Actor) -> User:
    if actor.user is None:
        raise SignInRequired("sign in to make a key for feeds")
    return actor.user
