"""A token's later life: another name, and another secret while the old one still works for some hours."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts import audit, tokens
from accounts.actor import Actor
from accounts.models import Token, User
from registry_site.errors import Conflict, Invalid, NotFound

HOURS = (1, 24, 72)  # how long the old secret may still work
MAX_NAME = 120
USED_LATELY = timedelta(days=1)  # what was used since then is probably still in use


def rotate(actor: Actor, user: User, key: str, hours: int) -> tuple[Token, str]:
    """Make a token with the same limits and as long a life; the old one ends after some hours.

    hours: one of HOURS. The second value is the new token itself, and this is the only time it exists.
    Raises NotFound when the person has no such token, Conflict for one that was replaced already or that npm login
    made, Invalid for other hours.
    """
    if hours not in HOURS:
        raise Invalid(f"the old token may work for {', '.join(map(str, HOURS[:-1]))} or {HOURS[-1]} hours more")
    with transaction.atomic():
        old = _own(user, key)
        if old.kind != Token.Kind.GRANULAR or old.expires_at is None:
            raise Conflict("only a token that you made is replaced; npm login makes the others anew")
        if old.replaced_by_id is not None:
            raise Conflict("this token was replaced already; replace the newer one")
        limits = ("packages", "scopes", "orgs", "org_permission", "permission", "bypass_two_factor", "cidr", "name")
        days = max(1, round((old.expires_at - old.created_at) / timedelta(days=1)))
        new, secret = tokens.issue(
            actor, user, kind=old.kind, days=days, **{limit: getattr(old, limit) for limit in limits}
        )
        old.replaced_by = new
        old.expires_at = min(old.expires_at, timezone.now() + timedelta(hours=hours))
        old.save(update_fields=["replaced_by", "expires_at"])
        audit.record(actor, "token.rotated", person=user.username, token=new.prefix, was=old.prefix, hours=hours)
    return new, secret


def rename(actor: Actor, user: User, key: str, name: str) -> Token:
    """Call a token something else; the name it has already changes nothing.

    Raises NotFound when the person has no such token, Invalid for a name that is no line of text.
    """
    name = name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise Invalid(f"a token's name is one line of at most {MAX_NAME} characters")
    with transaction.atomic():
        token = _own(user, key)
        if token.name != name:
            token.name = name
            token.save(update_fields=["name"])
            audit.record(actor, "token.renamed", person=user.username, token=token.prefix, name=name)
    return token


def was_used_lately(user: User, key: str) -> bool:
    """Whether something used this token in the last day, so that it would stop to work."""
    since = timezone.now() - USED_LATELY
    return Token.objects.filter(user=user, key=key, revoked_at=None, last_used_at__gt=since).exists()


def _own(user: User, key: str) -> Token:
    token = Token.objects.select_for_update().filter(user=user, key=key, revoked_at=None).first()
    if token is None or tokens.expiry(token) <= timezone.now():
        raise NotFound("there is no such token")
    return token
