"""Why a request was refused: read by whoever made it, and by whoever manages the package it was about."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from accounts import limits, refusals, tokens
from accounts.actor import Actor
from accounts.models import RefusedRequest, Token
from packages import access
from packages.access import Action
from registry_site.errors import NotFound


@dataclass(frozen=True)
class Decision:
    """A refused request, and what there is to say about the caller's own credential.

    own: whether the reader made the request. about: whole sentences on the credential; of a token of somebody else
    they say no more than how it ended.
    """

    refused: RefusedRequest
    own: bool
    about: list[str]


def find(actor: Actor, reference: str) -> Decision:
    """The refused request of this reference.

    Raises NotFound in the same words for a reference that is none, that was forgotten, and that is not the actor's to
    read: neither its caller nor somebody who manages the package, which has to exist.
    """
    refused = refusals.find(reference)
    if refused is None or actor.user is None:
        raise _missing(reference)
    own = refused.user_id == actor.user.pk
    if not own and not _manages(actor, refused.package):
        raise _missing(reference)
    return Decision(refused, own, _about(refused, own))


def _manages(actor: Actor, name: str) -> bool:
    package = access.visible_to(actor).filter(name=name).first() if name else None
    return package is not None and Action.MANAGE in access.can(package)


def _about(refused: RefusedRequest, own: bool) -> list[str]:
    if refused.credential == "none":
        return ["The request came without a token or a session: nobody was signed in."]
    if refused.credential == "unknown":
        return ["The request came with a token that this registry never made, or with a password."]
    if refused.token is None:
        return ["The request came from a signed-in browser."] if refused.credential == "session" else []
    return _of_token(refused.token, own)


def _of_token(token: Token, own: bool) -> list[str]:
    said = []
    if token.revoked_at:
        said.append(f"The token was revoked on {tokens.day(token.revoked_at)}.")
    elif (ends := tokens.expiry(token)) <= timezone.now():
        said.append(f"The token expired on {tokens.day(ends)}.")
    else:
        said.append(f"The token is good until {tokens.day(ends)}.")
    if own:
        said.append(f"It {limits.sentence(token)}.")
    return said


def _missing(reference: str) -> NotFound:
    return NotFound(
        f"there is no error {reference[:20]}, or it is not yours to read; it shows a few seconds after it happened, "
        "and for two weeks"
    )
