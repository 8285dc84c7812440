"""An identity token of a workflow for a token of ours: once, for one package, for a few minutes."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts import audit, limiting, tokens
from accounts.actor import Actor
from accounts.models import Scope, Token
from packages import identities, workflows
from packages.identities import LEEWAY, Doubt, Identity, NoKeys, at
from packages.models import Package, RefusedExchange, SpentIdentity, TrustedPublisher
from packages.names import MAX_NAME
from packages.trust import KEPT_REFUSALS, PUBLISH, org_of
from registry_site.errors import BadCredential, NotFound, TooManyRequests, Unavailable

LIFETIME = timedelta(minutes=15)
MARGIN = timedelta(minutes=10)  # identities stay spent for longer than any clock of ours could believe them again
TOO_MANY = "too many refused exchanges from your address"  # each costs a signature and a row
FORGOTTEN_AFTER = timedelta(days=30)  # tokens that ended; versions and the audit log keep what they did


def exchange(caller: Actor, name: str, identity_token: str, audiences: frozenset[str]) -> tuple[Token, str]:
    """A token that publishes the package `name` and nothing else, and its secret.

    caller: nobody yet; where the request came from. audiences: what the identity's `aud` may be.
    Raises BadCredential for an identity that is not believed, NotFound in the same words whether the package is
    missing, hidden, or trusts other workflows, Unavailable when the issuer's keys cannot be had, TooManyRequests after
    many refusals.
    Source: `npm publish` in GitHub Actions, GitLab CI and CircleCI, POST /-/npm/v1/oidc/token/exchange/package/PKG.
    """
    _require_patience(caller)
    try:
        identity = identities.verify(identity_token, audiences)  # before the transaction: it may ask a network
    except Doubt as doubt:
        _note(caller, name, doubt)
        raise (Unavailable if isinstance(doubt, NoKeys) else BadCredential)(doubt.message, code=doubt.code) from doubt
    try:
        with transaction.atomic():
            publisher = _trusted(name, identity)
            _spend(identity)
            return _issue(caller, publisher, identity)
    except Doubt as doubt:
        _note(caller, name, doubt)
        raise (BadCredential if doubt.claim in ("jti", "iat") else NotFound)(doubt.message, code=doubt.code) from doubt


def _trusted(name: str, identity: Identity) -> TrustedPublisher:
    message = f"{name} does not trust this workflow, or it is not in this registry"
    provider, shown = identity.provider, identity.claims
    facts = {"issuer": shown["iss"], "is_signed": True}
    rows = list(TrustedPublisher.objects.select_for_update().filter(name=name))
    scope = name[1:].partition("/")[0]
    gone = Q(user__is_active=False) | Q(user=None, org=None)
    if name.startswith("@") and Scope.objects.filter(gone, name=scope).exists():
        raise Doubt(message, "scope", "an account that is not suspended", f"@{scope}", **facts)
    asked = [row for row in rows if row.kind == provider.name]
    if not asked:
        kinds = ", ".join(sorted({row.kind for row in rows})) or "no trusted publisher"
        raise Doubt(message, "iss", kinds, provider.title, **facts)
    differing = [(workflows.differences(provider.flavour, row.claims, row.pinned, shown), row) for row in asked]
    nearest, row = min(differing, key=lambda each: len(each[0]))
    if nearest:
        first = nearest[0]
        raise Doubt(message, first.claim, first.expected, first.got, **facts)
    return row


def _spend(identity: Identity) -> None:
    _require_later_than_restore(identity)
    SpentIdentity.objects.filter(forget_after__lt=timezone.now()).delete()
    issuer, token_id = identity.claims["iss"], identity.token_id
    try:
        with transaction.atomic():
            SpentIdentity.objects.create(
                issuer=issuer, token_id=token_id, forget_after=identity.expires_at + LEEWAY + MARGIN
            )
    except IntegrityError:  # at the same moment or before: the database is the judge
        message = "this identity token was used already; each is good for one exchange"
        raise Doubt(message, "jti", "a new one", token_id, issuer=issuer, is_signed=True) from None


def _require_later_than_restore(identity: Identity) -> None:
    # What was spent between the backup and the restore is not known any more.
    restored, claims = audit.last(audit.RESTORED), identity.claims
    if restored and claims["iat"] <= restored.timestamp():
        message = "this identity token is older than the registry's return from a backup; run the workflow again"
        told = {"issuer": claims["iss"], "is_signed": True}
        raise Doubt(message, "iat", f"after {at(restored.timestamp())}", at(claims["iat"]), **told)


def _issue(caller: Actor, publisher: TrustedPublisher, identity: Identity) -> tuple[Token, str]:
    provider = identity.provider
    publisher.last_used_at = timezone.now()
    publisher.pinned = publisher.pinned or workflows.pins(provider.flavour, identity.claims)
    publisher.save(update_fields=["last_used_at", "pinned"])
    Token.objects.filter(kind=Token.Kind.TRUSTED, expires_at__lt=timezone.now() - FORGOTTEN_AFTER).delete()
    token, secret = tokens.issue_trusted(
        provider.title,
        publisher.key,
        publisher.name,
        permission=Token.Permission.WRITE if PUBLISH in publisher.permissions else Token.Permission.STAGE,
        lifetime=LIFETIME,
    )
    actor = Actor(None, token, token.publisher, caller.address, caller.request_id)
    workflow = workflows.summary(provider.flavour, publisher.claims)
    facts = {"token": token.prefix, "workflow": workflow}
    audit.record(actor, "trust.used", package=publisher.name, org=org_of(publisher.name), **facts)
    return token, secret


def _require_patience(caller: Actor) -> None:
    if (seconds := limiting.is_spent("refused-exchange", limiting.place(caller.address))) is not None:
        raise limiting.refusal(TOO_MANY, seconds)


def _note(caller: Actor, name: str, doubt: Doubt) -> None:
    with suppress(TooManyRequests):  # others of this moment used it up; the next one hears of it
        limiting.spend("refused-exchange", limiting.place(caller.address), words=TOO_MANY)
    if len(name) > MAX_NAME:
        return
    known = TrustedPublisher.objects.filter(name=name).exists() | Package.objects.filter(name=name).exists()
    row = RefusedExchange(
        name=name,
        issuer=_shown(doubt.issuer),
        reason=_shown(doubt.message),
        claim=doubt.claim,
        expected=_shown(doubt.expected),
        got=_shown(doubt.got),
        address=caller.address,
    )
    with transaction.atomic():
        rows = RefusedExchange.objects.filter(name=row.name)
        if not doubt.is_signed:
            rows.filter(
                reason=row.reason
            ).delete()  # anybody can send these: one of each, so that they push out nothing
        row.save()
        # The same work for a name nobody knows, so that the time it takes tells nothing.
        surplus = rows.order_by("-at", "-id").values_list("pk", flat=True)[KEPT_REFUSALS if known else 0 :]
        RefusedExchange.objects.filter(pk__in=list(surplus)).delete()


def _shown(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in text)[:300]
