"""Tokens that somebody found where they should not be: they end at once, and their people are told."""

from __future__ import annotations

import hashlib
import hmac

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import audit, bearer, names
from accounts.actor import Actor
from accounts.models import Token
from accounts.notices import warn
from registry_site.errors import BadCredential, Invalid, NotFound

MOST = 1000  # tokens in one report
ALGORITHM = "sha256="


def require_signature(body: bytes, signature: str) -> None:
    """Goes on when whoever knows `REPORT_SECRET` sent this body.

    signature: `sha256=` and the HMAC of the body in hex. Raises NotFound where no secret is set, BadCredential.
    """
    if not settings.REPORT_SECRET:
        raise NotFound("Not found")
    right = ALGORITHM + hmac.new(settings.REPORT_SECRET.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(right.encode(), signature.encode()):
        raise BadCredential("this report is not signed with this registry's REPORT_SECRET")


def report(request, actor: Actor, found: list[str]) -> int:
    """Revoke those of the found strings that are live tokens of ours; gives how many there were.

    What is no token of ours, or ended already, is passed over, so that a report may be sent twice.
    Raises Invalid for more than MOST.
    """
    if len(found) > MOST:
        raise Invalid(f"a report has at most {MOST} tokens")
    digests = {bearer.digest(each) for each in found if bearer.is_well_formed(each)}
    with transaction.atomic():
        leaked = list(
            Token.objects.select_for_update(of=("self",))
            .select_related("user", "holder")
            .filter(digest__in=digests, revoked_at=None)
        )
        Token.objects.filter(pk__in=[token.pk for token in leaked]).update(revoked_at=timezone.now())
        for token in leaked:
            org = token.holder.name if token.holder else ""
            person = token.user.username if token.user else token.publisher[: names.MAX_LENGTH]
            audit.record(actor, "token.leaked", org=org, person=person, token=token.prefix)
    for token in leaked:
        if token.user is not None:
            more = "It was revoked at once. Look what was published, and make another one."
            warn(request, token.user, f"Your token {token.prefix}… was found in public", more=more)
    return len(leaked)
