"""One-time passwords: right or wrong, used once, and how often one may be wrong."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from allauth.mfa.models import Authenticator
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit, bearer, limiting
from accounts.actor import Actor, address_of
from accounts.models import OneTimePass, Token, User
from accounts.notices import warn

# How long the credential that showed a code may repeat it: one command is several requests, and starts over once.
REPEAT = timedelta(minutes=5)
MAX_CODE = 200


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
    digest = bearer.digest(code)
    known = OneTimePass.objects.filter(user=user, digest=digest, good_until__gt=timezone.now()).first()
    if known is not None:
        return token is not None and known.token_id == token.pk
    with counting_failures(request, user) as attempt:
        shown = _authenticator(user, code)
        attempt.succeeded = shown is not None and spend(user, token, code)
    if attempt.succeeded and shown.type == Authenticator.Type.RECOVERY_CODES:
        _tell_of_recovery_code(request, user, token, shown)
    return attempt.succeeded


def normalise(code: str) -> str:
    """A code as it counts, so that the same one in another spelling is the same: no spaces, plain digits."""
    return "".join(unicodedata.normalize("NFKC", code).split())


def accept(user: User, token: Token | None, code: str) -> None:
    """Let one credential show this code for the next minutes: whoever approved it in the browser is the person."""
    digest = bearer.digest(normalise(code))
    OneTimePass.objects.create(user=user, token=token, digest=digest, good_until=timezone.now() + REPEAT)


def spend(user: User, token: Token | None, code: str) -> bool:
    """Note that a code was used; False when somebody else used it at the same moment."""
    OneTimePass.objects.filter(good_until__lte=timezone.now()).delete()
    try:
        with transaction.atomic():
            accept(user, token, code)
    except IntegrityError:  # shown twice at the same moment: the database is the judge
        return False
    return True


@dataclass
class Attempt:
    """One try at a code; what does not succeed counts."""

    succeeded: bool = False


@contextmanager
def counting_failures(request, user: User) -> Iterator[Attempt]:
    """Try a code within the limits. Raises TooManyRequests when too many were wrong lately.

    A right code takes back its own count and no other, so that knowing one does not buy guesses at the next.
    """
    used = limiting.spend("one-time-password", f"user-{user.pk}", words="too many wrong one-time passwords")
    attempt = Attempt()
    yield attempt
    if attempt.succeeded:
        used.rollback()


def _authenticator(user: User, code: str) -> Authenticator | None:
    for authenticator in Authenticator.objects.filter(user=user).exclude(type=Authenticator.Type.WEBAUTHN):
        if authenticator.wrap().validate_code(code):
            authenticator.refresh_from_db()  # a recovery code that was used marks its row
            authenticator.record_usage()
            return authenticator
    return None


def _tell_of_recovery_code(request, user: User, token: Token | None, codes: Authenticator) -> None:
    left = len(codes.wrap().get_unused_codes())
    credential = token.prefix if token else "session"
    actor = Actor(user, credential=credential, address=address_of(request), request_id=request.request_id)
    with transaction.atomic():
        audit.record(actor, "two_factor.recovery_used", person=user.username, left=left)
    warn(request, user, "A recovery code was used", more=f"{left} of them are left.")
