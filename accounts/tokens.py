"""Bearer tokens: how they are made, recognised and revoked."""

from __future__ import annotations

import ipaddress
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format

from accounts import audit, bearer, notices
from accounts.actor import Actor
from accounts.models import Scope, Token, User
from registry_site.errors import BadCredential, Invalid, NotFound
from registry_site.held import held
from registry_site.prepared import PreparedQuery

MAX_PUBLISHER = 40  # what the audit log keeps of a credential's name
# Writing down each use would cost a write on every read; this often is enough to see that a token is alive.
USE_INTERVAL = timedelta(minutes=5)

LISTED = timedelta(days=30)  # so long a token that ran out stays on the list


class EndedToken(BadCredential):
    """A token that is known here and opens nothing; its person may look up why it was refused."""

    def __init__(self, token: Token, message: str, *, code: str = "") -> None:
        super().__init__(message, code=code)
        self.token = token


def issue(
    actor: Actor,
    user: User,
    *,
    kind: str,
    name: str = "",
    permission: str = Token.Permission.WRITE,
    packages: list[str] | None = None,
    scopes: list[str] | None = None,
    orgs: list[str] | None = None,
    org_permission: str = Token.OrgPermission.NONE,
    bypass_two_factor: bool = False,
    cidr: list[str] | None = None,
    days: int | None = None,
) -> tuple[Token, str]:
    """Make a token for `user`; the second value is the token itself, and this is the only time it exists.

    permission: what it may do with the packages and scopes (all that its person may use when none are named).
    orgs, org_permission: the orgs whose members and teams it may see or manage.
    days: how long it lives; None lets a login token live `LOGIN_TOKEN_DAYS` after its last use and gives a granular
    one 30 days. Raises Invalid when `days` is over `TOKEN_MAX_DAYS`, an address range is none, or a token that
    bypasses two-factor would manage an org.
    """
    if kind == Token.Kind.GRANULAR and days is None:
        days = min(30, settings.TOKEN_MAX_DAYS)
    _require_limits(cidr or [], days)
    if bypass_two_factor and org_permission == Token.OrgPermission.WRITE:
        raise Invalid("a token that bypasses two-factor publishes and installs; it may not manage orgs")
    with transaction.atomic():
        token, secret = _made(
            user=user,
            kind=kind,
            name=name,
            permission=permission,
            packages=packages or [],
            scopes=scopes or [],
            orgs=orgs or [],
            org_permission=org_permission,
            bypass_two_factor=bypass_two_factor,
            cidr=cidr or [],
            expires_at=timezone.now() + timedelta(days=days) if days is not None else None,
        )
        facts = {"token": token.prefix, "kind": kind, "permission": permission, "bypass_two_factor": bypass_two_factor}
        audit.record(actor, "token.created", person=user.username, **facts)
        notices.tell(
            user,
            notices.Kind.SECURITY,
            f"The token {token.name or token.prefix} was made for your account",
            f"It begins with {token.prefix} and was made {made_from(actor)}.",
            notices.IF_NOT_YOU,
            link=("See your tokens", notices.page("tokens")),
        )
    return token, secret


def issue_trusted(
    publisher: str, key: uuid.UUID, package: str, *, permission: str, lifetime: timedelta
) -> tuple[Token, str]:
    """Make a token for a workflow that showed its identity; for the caller's transaction, which records it.

    publisher: who documents and the audit log name. key: the trusted publisher's, with which its tokens end.
    package: the one it publishes. Nobody can show a one-time password for it.
    """
    return _made(
        kind=Token.Kind.TRUSTED,
        permission=permission,
        packages=[package],
        bypass_two_factor=True,
        publisher=publisher[:MAX_PUBLISHER],
        publisher_key=key,
        expires_at=timezone.now() + lifetime,
    )


def issue_for_org(
    actor: Actor, org: Scope, name: str, *, permission: str, packages: list[str], cidr: list[str], days: int
) -> tuple[Token, str]:
    """Make a token of a service account, which belongs to the org and to no person.

    org: the scope that the org holds; the caller asked whether the actor may. name: what the account is called, so
    that documents and the audit log say ORG/NAME. packages: of this scope; empty for all of them.
    It is never asked for a one-time password: nobody is there to type one. Raises Invalid when `days` is over
    `TOKEN_MAX_DAYS` or an address range is none.
    """
    _require_limits(cidr, days)
    with transaction.atomic():
        token, secret = _made(
            kind=Token.Kind.SERVICE,
            name=name,
            permission=permission,
            packages=packages,
            scopes=[] if packages else [org.name],
            bypass_two_factor=True,
            publisher=f"{org.name}/{name}",
            holder=org,
            cidr=cidr,
            expires_at=timezone.now() + timedelta(days=days),
        )
        facts = {"token": token.prefix, "account": token.publisher, "permission": permission}
        audit.record(actor, "service.token_made", org=org.name, **facts)
    return token, secret


def revoke_of_org(actor: Actor, org: Scope, key: uuid.UUID) -> Token:
    """End a token of a service account at once. Raises NotFound when the org has no such token."""
    return end(actor, Token.objects.filter(holder=org, key=key).first())


def of_org(org: Scope) -> list[Token]:
    """The tokens of an org's service accounts that still open something, newest first."""
    now = timezone.now()
    return list(Token.objects.filter(holder=org, revoked_at=None, expires_at__gt=now))


_SUSPENDED = "this account is suspended; ask the operators of this registry"

_BY_DIGEST = PreparedQuery(lambda found: Token.objects.select_related("user").filter(digest=found), str)


def recognise(secret: str, address: str | None, agent: str = "", package: str = "") -> Token:
    """The live token behind a bearer secret; its person is loaded with it.

    agent, package: the client's user agent and the package that it asks for, to be remembered as the last use.

    Raises BadCredential, saying what is wrong with the caller's own token, and nothing else.
    A wrong checksum never reaches the database.
    """
    token = None
    if bearer.is_well_formed(secret):
        token = _BY_DIGEST.first(bearer.digest(secret))
    if token is None:
        raise BadCredential("this token is not known here; run npm login to get a new one")
    now = timezone.now()
    _require_live(token, now)
    if token.user is not None and not token.user.is_active:
        raise EndedToken(token, _SUSPENDED)
    if token.cidr and not _inside(address, token.cidr):
        raise EndedToken(token, "this token may not be used from your address", code="ipaddress")
    if token.last_used_at is None or now - token.last_used_at > USE_INTERVAL:
        asked = "" if bearer.SHAPE.search(package) else package[:214]  # somebody pastes a token where a name belongs
        used = {"last_used_from": address, "last_used_by": agent[:120], "last_used_for": asked}
        Token.objects.filter(pk=token.pk).update(last_used_at=now, **used)
    return token


def hold_person(actor: Actor) -> None:
    """Ask again, inside a write transaction, whether the actor's person may act, and keep it so until that ends.

    Before any other row is taken, as by those who shut people out. Raises BadCredential.
    """
    if actor.user is not None and actor.credential != "operator":
        person = held(User.objects.filter(pk=actor.user.pk))
        if person is None or not person.is_active:
            raise BadCredential(_SUSPENDED)


def hold(actor: Actor) -> None:
    """Ask again, inside a write transaction, whether the actor's token opens anything, and keep it so until that ends.

    An upload takes minutes, and its token may be revoked meanwhile. Raises BadCredential, saying why.
    """
    if actor.token is not None:
        token = held(Token.objects.filter(pk=actor.token.pk))
        if token is None:
            raise BadCredential("this token is not known here any more; run npm login to get a new one")
        _require_live(token, timezone.now())


def made_from(actor: Actor) -> str:
    """How a change came, for a mail: in which way, from which address."""
    ways = {"session": "on the website", "operator": "by an operator", "password": "with your password"}  # noqa: S105
    way = ways.get(actor.credential, f"with the token {actor.credential}…")
    return f"{way}, from {actor.address}" if actor.address else way


def expiry(token: Token) -> datetime:
    """When a token ends: at its date, or some days after a login token was last used."""
    if token.expires_at is not None:
        return token.expires_at
    return (token.last_used_at or token.created_at) + timedelta(days=settings.LOGIN_TOKEN_DAYS)


def revoke(actor: Actor, user: User, key_or_secret: str) -> None:
    """End a token of `user` at once, named by its key or by the token itself.

    Raises NotFound when the person has no such token, revoked ones among them.
    """
    is_secret = bearer.is_well_formed(key_or_secret)
    named = {"digest": bearer.digest(key_or_secret)} if is_secret else {"key": _uuid(key_or_secret)}
    end(actor, Token.objects.filter(user=user, **named).first())


def end(actor: Actor, token: Token | None) -> Token:
    """End a token at once, whoever has it. Raises NotFound when it is revoked already, or when there is none."""
    with transaction.atomic():
        now = timezone.now()
        if token is None or not Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now):
            raise NotFound("there is no such token")
        if token.holder is not None:
            facts = {"token": token.prefix, "account": token.publisher}
            audit.record(actor, "service.token_revoked", org=token.holder.name, **facts)
        else:
            audit.record(actor, "token.revoked", person=token.user.username if token.user else "", token=token.prefix)
    return token


def live(user: User) -> list[Token]:
    """The tokens of `user` that still open something, newest first."""
    now = timezone.now()
    return [token for token in Token.objects.filter(user=user, revoked_at=None) if expiry(token) > now]


def ended(user: User) -> list[Token]:
    """The tokens of `user` that ran out in the last 30 days, newest first; what failed lately may be one of them."""
    now = timezone.now()
    unrevoked = Token.objects.filter(user=user, revoked_at=None)
    return [token for token in unrevoked if now - LISTED < expiry(token) <= now]


def _require_live(token: Token, now: datetime) -> None:
    if token.revoked_at:
        when = day(token.revoked_at)
        raise EndedToken(token, f"this token was revoked on {when}; run npm login to get a new one")
    if (ends := expiry(token)) <= now:
        raise EndedToken(token, f"this token expired on {day(ends)}; run npm login to get a new one")


def _made(**columns: Any) -> tuple[Token, str]:
    secret = bearer.make()
    named = {"key": uuid.uuid4(), "digest": bearer.digest(secret), "prefix": secret[: bearer.SHOWN]}
    return Token.objects.create(**named, **columns), secret


def _require_limits(cidr: list[str], days: int | None) -> None:
    if days is not None and not 1 <= days <= settings.TOKEN_MAX_DAYS:
        raise Invalid(f"a token lives 1 to {settings.TOKEN_MAX_DAYS} days")
    for block in cidr:
        _network(block)


def _network(block: str):
    try:
        return ipaddress.ip_network(block, strict=False)
    except ValueError as error:
        raise Invalid(f"{block} is not an address range such as 10.0.0.0/8") from error


def _inside(address: str | None, blocks: list[str]) -> bool:
    if address is None:
        return False
    here = ipaddress.ip_address(address)
    return any(here in _network(block) for block in blocks)


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def day(moment: datetime) -> str:
    """A date as messages say it."""
    return date_format(moment, "j F Y")
