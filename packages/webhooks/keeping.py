"""The hooks a person has: made, looked at, changed, paused, removed."""

from __future__ import annotations

import uuid
from datetime import timedelta
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.utils import timezone

from accounts import audit, limiting, sealing
from accounts.actor import Actor, Power
from accounts.models import Scope, User
from packages import access
from packages.access import Action
from packages.models import Webhook, WebhookDelivery
from packages.webhooks import hearing, messages, sending, signing
from registry_site import egress
from registry_site.egress import EgressError
from registry_site.errors import Conflict, Invalid, NotFound

MOST = 100  # hooks a person has
MAX_URL = 500
MAX_SECRET = 200
TOO_MANY = "you sent very many messages by hand"
OVERLAP = timedelta(days=1)  # that the secret before signs, too
_SECRETS = ("secret", "old_secret", "old_secret_until")


def parse(subject: str) -> tuple[str, str]:
    """Read what a webhook is about, as npm writes it (`left-pad`, `@acme/ledger`, `@acme`, `~dana`): kind and name."""
    subject = subject.strip()
    if subject.startswith("~"):
        return Webhook.Kind.OWNER, subject[1:]
    if subject.startswith("@") and "/" not in subject:
        return Webhook.Kind.SCOPE, subject[1:]
    return Webhook.Kind.PACKAGE, subject


def add(actor: Actor, kind: str, name: str, endpoint: str, secret: str) -> Webhook:
    """Tell an address of what happens to a package, to every package of a scope, or to every package of a person.

    kind: a Webhook.Kind; name: with or without the @ of a scope or the ~ of a person. secret: what signs messages.
    Raises NotFound for a package the actor may not see and a scope or person that is none, NotAllowed for a token
    that does not manage, Invalid for an address or secret that cannot be used or when there are too many.
    Source: `npm hook add PKG|@SCOPE|~USER URL SECRET`.
    """
    user = actor.require_person(Power.GOVERN)
    name = _subject(actor, kind, name)
    _check(endpoint, secret)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)  # two at once cannot both be the last that fits
        if user.webhooks.count() >= MOST:
            raise Invalid(f"you have {MOST} webhooks, the most a person can have")
        hook = Webhook.objects.create(
            key=uuid.uuid4(),
            user=user,
            kind=kind,
            name=name,
            endpoint=endpoint,
            secret=sealing.seal(signing.PURPOSE, secret),
        )
        _record(actor, "webhook.added", hook)
    return seen(actor, str(hook.key))


def mine(actor: Actor, subject: str = "") -> QuerySet[Webhook]:
    """The actor's own hooks, newest first, each with how its last message went.

    subject: only those about this package, @scope or ~person. Raises SignInRequired, and NotAllowed for a token that
    was made to publish and install: the addresses are secrets of a kind.
    Source: `npm hook ls [PKG]`.
    """
    user = actor.require_person(Power.LOOK)
    sent = WebhookDelivery.objects.filter(webhook=OuterRef("pk"), attempts__gt=0).order_by("-pk")
    found = Webhook.objects.filter(user=user).select_related("user")
    if subject:
        kind, name = parse(subject)
        found = found.filter(kind=kind, name=name)
    return found.annotate(
        last_delivery=Subquery(sent.values("created_at")[:1]),
        last_code=Subquery(sent.values("response_code")[:1]),
        last_failure=Subquery(sent.values("failure")[:1]),
        has_delivered=Exists(sent.exclude(delivered_at=None)),
    )


def seen(actor: Actor, key: str) -> Webhook:
    """One of the actor's own hooks, to look at. Raises as `mine`, and NotFound for somebody else's."""
    try:
        hook = mine(actor).filter(key=uuid.UUID(key)).first()
    except ValueError:
        hook = None
    if hook is None:
        raise NotFound("there is no such webhook")
    return hook


def find(actor: Actor, key: str) -> Webhook:
    """One of the actor's own hooks, to change. Raises as `add` and `seen`."""
    actor.require_person(Power.GOVERN)
    return seen(actor, key)


def change(actor: Actor, key: str, endpoint: str, secret: str) -> Webhook:
    """Give a hook another address and secret; a paused one begins anew. secret: "" keeps the one it has.

    The secret before signs, too, for a day. Raises as `add`. Source: `npm hook update ID URL SECRET`.
    """
    hook = find(actor, key)
    _check(endpoint, secret or "kept")
    with transaction.atomic():
        hook.endpoint, hook.updated_at, hook.paused_at = endpoint, timezone.now(), None
        if secret:
            _replace_secret(hook, secret)
        hook.save(update_fields=["endpoint", "updated_at", "paused_at", *_SECRETS])
        _record(actor, "webhook.changed", hook)
    return hook


def rotate(actor: Actor, key: str) -> str:
    """Give a hook a new secret, which is told this once; the one before signs, too, for a day. Raises as `find`."""
    hook, secret = find(actor, key), signing.new_secret()
    with transaction.atomic():
        _replace_secret(hook, secret)
        hook.save(update_fields=_SECRETS)
        _record(actor, "webhook.rotated", hook)
    return secret


def remove(actor: Actor, key: str) -> Webhook:
    """Forget a hook and its messages. Source: `npm hook rm ID`, which prints what it was."""
    hook = find(actor, key)
    with transaction.atomic():
        Webhook.objects.filter(pk=hook.pk).delete()
        _record(actor, "webhook.removed", hook)
    return hook


def pause(actor: Actor, key: str) -> None:
    """Send nothing to a hook from now on; what happens meanwhile it is never told."""
    hook = find(actor, key)
    with transaction.atomic():
        if Webhook.objects.filter(pk=hook.pk, paused_at=None).update(paused_at=timezone.now()):
            _record(actor, "webhook.paused", hook)


def resume(actor: Actor, key: str) -> None:
    """Send to a paused hook again; its failures so far are forgotten."""
    hook = find(actor, key)
    now = timezone.now()
    with transaction.atomic():
        if Webhook.objects.filter(pk=hook.pk).exclude(paused_at=None).update(paused_at=None, updated_at=now):
            _record(actor, "webhook.resumed", hook)


def say_hello(actor: Actor, key: str) -> None:
    """Send a test message, once. Raises Conflict while another one is on its way, TooManyRequests."""
    hook = find(actor, key)
    limiting.spend("webhook", limiting.caller(actor), words=TOO_MANY)
    with transaction.atomic():
        Webhook.objects.select_for_update().get(pk=hook.pk)
        if hook.deliveries.filter(event=sending.PING).exclude(next_attempt_at=None).exists():
            raise Conflict("a test message is on its way already; look again in some seconds")
        messages.hello(hook)


def redeliver(actor: Actor, key: str, number: int) -> None:
    """Send a message once more, as it was and under its id: as a new one of the list, which shows both.

    Raises NotFound for a message of another hook, or about a package that the actor may not see any more; Conflict
    while it is on its way, TooManyRequests.
    """
    hook = find(actor, key)
    old = delivery(actor, hook, number)
    limiting.spend("webhook", limiting.caller(actor), words=TOO_MANY)
    again = {word: getattr(old, word) for word in ("key", "event", "package", "org", "person", "payload")}
    with transaction.atomic():
        Webhook.objects.select_for_update().get(pk=hook.pk)
        if hook.deliveries.filter(key=old.key, attempts=0).exclude(next_attempt_at=None).exists():
            raise Conflict("this message is on its way already; look again in a while")
        WebhookDelivery.objects.create(webhook=hook, next_attempt_at=timezone.now(), **again)
        sending.send_due.enqueue()


def deliveries(actor: Actor, hook: Webhook) -> QuerySet[WebhookDelivery]:
    """The messages of a hook of the actor's own, newest first: about what the actor may still see."""
    return hearing.shown_to(actor, hook).defer("payload", "answer", "tries")


def delivery(actor: Actor, hook: Webhook, number: int) -> WebhookDelivery:
    """One of these messages, with all that is known of it. Raises NotFound."""
    found = hearing.shown_to(actor, hook).filter(pk=number).first()
    if found is None:
        raise NotFound("there is no such message")
    return found


def _replace_secret(hook: Webhook, secret: str) -> None:
    hook.old_secret, hook.old_secret_until = hook.secret, timezone.now() + OVERLAP
    hook.secret = sealing.seal(signing.PURPOSE, secret)


def _subject(actor: Actor, kind: str, name: str) -> str:
    if kind == Webhook.Kind.PACKAGE:
        return access.find(actor, Action.VIEW, name).name
    if kind not in (Webhook.Kind.SCOPE, Webhook.Kind.OWNER):
        raise Invalid("a webhook is about a package, a scope or an owner")
    bare = name.lstrip("@~").replace("\0", "")
    if not Scope.objects.filter(name=bare).exists():
        raise NotFound(f"there is no user or org {bare}")
    return bare


def _check(endpoint: str, secret: str) -> None:
    if len(endpoint) > MAX_URL:
        raise Invalid(f"an address has at most {MAX_URL} characters")
    try:
        egress.parse(endpoint)
    except EgressError as error:
        raise Invalid(error.message) from error
    if not 0 < len(secret) <= MAX_SECRET or "\0" in secret:
        raise Invalid(f"a secret has 1 to {MAX_SECRET} characters")


def _record(actor: Actor, action: str, hook: Webhook) -> None:
    # The host alone: for some receivers the rest of the address is as good as a password.
    host = urlsplit(hook.endpoint).hostname or ""
    audit.record(actor, action, person=hook.user.username, subject=hook.subject, host=host[:200], webhook=str(hook.key))
