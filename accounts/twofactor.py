"""Two-factor authentication: set up, asked for, shown; one set of authenticators for the website and for npm.

The authenticators themselves are django-allauth's. Here is what it does not have: setting up without a browser, codes
that one command may repeat, and approving a command in the browser instead of typing a code.
"""

from __future__ import annotations

import secrets
import unicodedata
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from allauth.core.internal import ratelimit
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret, validate_totp_code
from django.core.cache import cache  # shared by all workers; forgets by itself
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit, tokens
from accounts.actor import Actor
from accounts.models import Approval, OneTimePass, Token, TwoFactorMode, User
from registry_site.errors import Conflict, Invalid, NotFound, SignInRequired, TooManyRequests

APPROVAL_LIFETIME = timedelta(minutes=10)
# How long the credential that showed a code may repeat it: one command is several requests, and starts over once.
REPEAT = timedelta(minutes=5)
MAX_CODE = 200
PENDING_MINUTES = 15


@dataclass(frozen=True)
class Challenge:
    """A command waits for approval: `public_id` opens the page, `poll_secret` fetches the one-time password."""

    public_id: uuid.UUID
    poll_secret: str


# --- showing a second factor -------------------------------------------------------------------------------------


def check(request, user: User, token: Token | None, code: str) -> bool:
    """Whether a one-time password is good: a code of the person's app, a recovery code, or an approval's.

    request: counts towards the limit of wrong codes. token: the credential it came with, None for a log-in.
    A code is used once, in whatever spelling, except that the same credential may repeat it for a few minutes.
    Raises TooManyRequests after too many wrong codes.
    Source: header `npm-otp` (npm, pnpm, yarn, bun).
    """
    code = normalise(code)
    if not code or len(code) > MAX_CODE:
        return False
    digest = tokens.digest(code)
    known = OneTimePass.objects.filter(user=user, digest=digest, good_until__gt=timezone.now()).first()
    if known is not None:
        return token is not None and known.token_id == token.pk
    with _counting_failures(request, user) as attempt:
        attempt.succeeded = _is_right(user, code) and _spend(user, token, digest)
    return attempt.succeeded


def normalise(code: str) -> str:
    """A code as it counts, so that the same one in another spelling is the same: no spaces, plain digits."""
    return "".join(unicodedata.normalize("NFKC", code).split())


def _is_right(user: User, code: str) -> bool:
    for authenticator in Authenticator.objects.filter(user=user).exclude(type=Authenticator.Type.WEBAUTHN):
        if authenticator.wrap().validate_code(code):
            authenticator.record_usage()
            return True
    return False


@dataclass
class _Attempt:
    succeeded: bool = False


@contextmanager
def _counting_failures(request, user: User) -> Iterator[_Attempt]:
    # A right code takes back its own count and no other, so that knowing one does not buy guesses at the next.
    limits = {"app": "allauth.account", "action": "two_factor", "key": f"user-{user.pk}"}
    used = ratelimit.consume(request, **limits)
    if not used:
        raise TooManyRequests("too many wrong one-time passwords; wait some minutes and try again")
    attempt = _Attempt()
    yield attempt
    if attempt.succeeded:
        used.rollback()


def _spend(user: User, token: Token | None, digest: str) -> bool:
    OneTimePass.objects.filter(good_until__lte=timezone.now()).delete()
    try:
        with transaction.atomic():
            OneTimePass.objects.create(user=user, token=token, digest=digest, good_until=timezone.now() + REPEAT)
    except IntegrityError:  # shown twice at the same moment: the database is the judge
        return False
    return True


# --- approving in the browser ------------------------------------------------------------------------------------


def challenge(actor: Actor, command: str, agent: str) -> Challenge:
    """Let a command of the actor wait for approval in the browser.

    Source: `npm publish` with `npm-auth-type: web`; the answer's `authUrl` and `doneUrl`.
    """
    secret = secrets.token_urlsafe(32)
    waiting = Approval.objects.create(
        public_id=uuid.uuid4(),
        poll_digest=tokens.digest(secret),
        user=actor.user,
        token=actor.token,
        command=command[:100],
        address=actor.address,
        agent=agent[:200],
    )
    return Challenge(waiting.public_id, secret)


def waiting(actor: Actor, public_id: uuid.UUID) -> Approval:
    """The command of the actor's own that waits. Raises NotFound when it ended, or belongs to somebody else."""
    found = _open(public_id=public_id).first()
    if found is None or found.user_id != getattr(actor.user, "pk", None) or found.approved_at is not None:
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
        approval = waiting(actor, public_id)
        code = secrets.token_urlsafe(12)
        approval.approved_at = timezone.now()
        approval.save(update_fields=["approved_at"])
        _accept(approval, code)
    return code


def deny(actor: Actor, public_id: uuid.UUID) -> None:
    """Stop the command. Raises NotFound as `waiting`."""
    with transaction.atomic():
        approval = waiting(actor, public_id)
        approval.closed_at = timezone.now()
        approval.save(update_fields=["closed_at"])


def fetch(poll_secret: str) -> str | None:
    """The one-time password of an approved command, once; None while it waits.

    Raises NotFound when it was denied, fetched, or is older than ten minutes.
    """
    with transaction.atomic():
        approval = _open(poll_digest=tokens.digest(poll_secret)).select_for_update().first()
        if approval is None:
            raise NotFound("this request ended; run the command again")
        if approval.approved_at is None:
            return None
        approval.closed_at = timezone.now()
        approval.save(update_fields=["closed_at"])
        code = secrets.token_urlsafe(24)
        _accept(approval, code)
    return code


def _open(**lookup):
    return Approval.objects.filter(closed_at=None, created_at__gt=timezone.now() - APPROVAL_LIFETIME, **lookup)


def _accept(approval: Approval, code: str) -> None:
    digest = tokens.digest(normalise(code))
    OneTimePass.objects.create(
        user=approval.user, token=approval.token, digest=digest, good_until=timezone.now() + REPEAT
    )


# --- setting up without a browser --------------------------------------------------------------------------------


def enrol(actor: Actor, user: User, mode: str) -> str:
    """Begin to set up codes of an app; gives the secret that the app is told. `confirm` ends it.

    mode: one of TwoFactorMode. Raises Invalid for another word, Conflict when an app is set up already.
    Source: `npm profile enable-2fa auth-only|auth-and-writes`, first step.
    """
    mode = _mode(mode)
    if Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists():
        raise Conflict("an authenticator app is set up already")
    secret = generate_totp_secret()
    cache.set(_pending(user), {"secret": get_adapter().encrypt(secret), "mode": mode}, PENDING_MINUTES * 60)
    return secret


def confirm(request, actor: Actor, user: User, code: str) -> list[str]:
    """Set up the app that showed this code; gives the recovery codes.

    Raises Invalid when nothing was begun or the code is wrong, TooManyRequests.
    Source: `npm profile enable-2fa`, second step.
    """
    begun = cache.get(_pending(user))
    if begun is None:
        raise Invalid("nothing is being set up; run npm profile enable-2fa again")
    secret, code = get_adapter().decrypt(begun["secret"]), normalise(code)
    with _counting_failures(request, user) as attempt:
        attempt.succeeded = validate_totp_code(secret, code)
    if not attempt.succeeded:
        raise Invalid("that one-time password is not right; look at the app again")
    with transaction.atomic():
        TOTP.activate(user, secret)
        codes = RecoveryCodes.activate(user).get_unused_codes()
        _set_mode(user, begun["mode"])
        audit.record(actor, "two_factor.enabled", person=user.username, mode=begun["mode"])
    _spend(user, actor.token, tokens.digest(code))
    cache.delete(_pending(user))
    _forget(user)
    return codes


def is_pending(user: User) -> bool:
    """Whether somebody began to set up an app and did not show a code of it yet."""
    return cache.get(_pending(user)) is not None


def set_mode(actor: Actor, user: User, mode: str) -> None:
    """When codes are asked for. Raises Invalid for an unknown word.

    Source: `npm profile enable-2fa auth-only|auth-and-writes` when it is on already.
    """
    mode = _mode(mode)
    if user.two_factor_mode != mode:
        with transaction.atomic():
            _set_mode(user, mode)
            audit.record(actor, "two_factor.mode", person=user.username, mode=mode)


def disable(actor: Actor, user: User) -> None:
    """Remove every authenticator: apps, passkeys and recovery codes; whatever was only begun ends, too.

    Source: `npm profile disable-2fa`, and the website.
    """
    cache.delete(_pending(user))
    with transaction.atomic():
        gone, _ = Authenticator.objects.filter(user=user).delete()
        if gone:
            audit.record(actor, "two_factor.disabled", person=user.username)
    _forget(user)


def _pending(user: User) -> str:
    return f"two-factor-pending-{user.pk}"


def _mode(word: str) -> str:
    if word not in TwoFactorMode.values:
        raise Invalid("two-factor is auth-only or auth-and-writes")
    return word


def _set_mode(user: User, mode: str) -> None:
    user.two_factor_mode = mode
    user.save(update_fields=["two_factor_mode"])


def _forget(user: User) -> None:
    user.__dict__.pop("has_two_factor", None)
