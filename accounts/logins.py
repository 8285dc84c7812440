"""`npm login`: by approval in the browser, or by name and password."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import timedelta

from allauth.account.utils import has_verified_email
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import bearer, passwords, tokens
from accounts.actor import ONE_TIME_PASS, Actor
from accounts.models import Token, User, WebLogin
from accounts.twofactor import codes
from registry_site.errors import BadCredential, NotFound, OneTimePassRequired, SignInRequired

LIFETIME = timedelta(minutes=10)
KEPT = timedelta(days=7)  # for operators who look into something


@dataclass(frozen=True)
class Started:
    """A web login that began: `public_id` opens the approval page, `poll_secret` fetches the token."""

    public_id: uuid.UUID
    poll_secret: str


def start(address: str | None, agent: str) -> Started:
    """Begin a web login for whoever will approve it.

    Source: `npm login` (npm >= 9, pnpm), POST /-/v1/login.
    """
    secret = secrets.token_urlsafe(32)
    waiting = WebLogin.objects.create(
        public_id=uuid.uuid4(), poll_digest=bearer.digest(secret), address=address, agent=agent[:200]
    )
    return Started(waiting.public_id, secret)


def waiting(public_id: uuid.UUID) -> WebLogin:
    """The web login that waits for approval. Raises NotFound when it ended or is older than ten minutes."""
    return _open(lock=False, public_id=public_id, approved_by=None)


def approve(actor: Actor, public_id: uuid.UUID) -> None:
    """Let the terminal that asked log in as this person; the token is made when the terminal fetches it.

    Raises SignInRequired; StepUpRequired unless the session showed a few minutes ago who it is, with a second factor
    where the person has two-factor on; NotFound when the request ended meanwhile.
    """
    user = _person(actor)
    actor.require_recent()
    with transaction.atomic():
        login = _open(public_id=public_id, approved_by=None)
        login.approved_by = user
        login.save(update_fields=["approved_by"])


def deny(actor: Actor, public_id: uuid.UUID) -> None:
    """Turn the terminal away. Raises SignInRequired, or NotFound when the request ended meanwhile."""
    _person(actor)
    with transaction.atomic():
        login = _open(public_id=public_id, approved_by=None)
        login.closed_at = timezone.now()
        login.save(update_fields=["closed_at"])


def fetch(poll_secret: str) -> str | None:
    """The token of an approved web login, once; None while it still waits.

    Raises NotFound when it was denied, fetched before, or is older than ten minutes, and BadCredential while the person
    who approved it is suspended.
    """
    with transaction.atomic():
        login = _open(poll_digest=bearer.digest(poll_secret))
        if login.approved_by is None:
            return None
        if not login.approved_by.is_active:
            raise BadCredential("this account is suspended; ask the operators of this registry")
        login.closed_at = timezone.now()
        login.save(update_fields=["closed_at"])
        actor = Actor(user=login.approved_by, credential="session", address=login.address)
        _, secret = tokens.issue(actor, login.approved_by, kind=Token.Kind.LOGIN, name=_named(login.agent))
    return secret


def forget_ended() -> None:
    """Remove requests to log in that ended long ago, with the addresses of those who asked; once a day."""
    WebLogin.objects.filter(created_at__lte=timezone.now() - KEPT).delete()


def by_password(request, name: str, password: str) -> str:
    """A login token for a person who gave name and password; never makes an account.

    request: the Django request, whose address counts against the limits of failed logins.
    Raises BadCredential, OneTimePassRequired where two-factor is on and no good `npm-otp` came along, or
    TooManyRequests after too many failures.
    Source: `npm login --auth-type=legacy`, PUT /-/user/org.couchdb.user:NAME.
    """
    user = passwords.authenticate(request, name, password)
    if user is None or not user.is_active:
        raise BadCredential("incorrect user name or password")
    if settings.ACCOUNT_EMAIL_VERIFICATION == "mandatory" and not has_verified_email(user):
        raise BadCredential("confirm your e-mail address first: open the link in the mail that you were sent")
    if user.has_two_factor and not codes.check(request, user, None, request.headers.get("npm-otp", "")):
        raise OneTimePassRequired(ONE_TIME_PASS)
    actor = Actor(user=user, credential="password", address=request.actor.address, request_id=request.request_id)
    _, secret = tokens.issue(actor, user, kind=Token.Kind.LOGIN, name=_named(request.headers.get("user-agent", "")))
    return secret


def _open(*, lock: bool = True, **lookup) -> WebLogin:
    logins = WebLogin.objects.filter(closed_at=None, created_at__gt=timezone.now() - LIFETIME, **lookup)
    login = (logins.select_for_update() if lock else logins).first()
    if login is None:
        raise NotFound("this login request ended; run npm login again")
    return login


def _person(actor: Actor) -> User:
    if actor.user is None:
        raise SignInRequired("sign in to approve this login")
    return actor.user


def _named(agent: str) -> str:
    client = agent.split(" ", 1)[0].replace("/", " ")
    return f"{client} login" if client else "login"
