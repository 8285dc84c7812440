"""Messages on their way: signed, sent by the background worker, tried again, and given up."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta

from cryptography.fernet import InvalidToken
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from django_tasks import task

from accounts import audit, sealing
from accounts.actor import Actor
from packages import access
from packages.models import Webhook, WebhookDelivery
from registry_site import egress
from registry_site.egress import EgressError

# How long after each failed attempt the next one is; after the last the message is given up.
WAITS = [timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=6)]
PAUSE_AFTER = 20  # failed attempts in a row
KEPT = 100  # messages a hook keeps to be looked at
A_TURN = 20  # messages sent by one run, so that mail gets its turn
SECRET = "webhook"  # noqa: S105 - what the secrets are sealed for
WORKER = Actor(credential="worker")
PING = "ping"


@task(priority=-10)
def send_due() -> None:
    """Send what is due; run by the worker, after each change and at the end of each wait."""
    for _ in range(A_TURN):
        delivery = _claim()
        if delivery is None:
            return
        _attempt(delivery)
    if _due().exists():
        send_due.enqueue()


def _due():
    return WebhookDelivery.objects.filter(next_attempt_at__lte=timezone.now())


def _claim() -> WebhookDelivery | None:
    # Taken before it is sent, with the next attempt planned already: a worker that dies half-way loses nothing.
    for delivery in _due().select_related("webhook__user").order_by("next_attempt_at", "pk")[:A_TURN]:
        planned = _next_attempt(delivery)
        with transaction.atomic():
            mine = WebhookDelivery.objects.filter(pk=delivery.pk, next_attempt_at=delivery.next_attempt_at).update(
                attempts=delivery.attempts + 1, next_attempt_at=planned, failure="no answer yet"
            )
            if mine and planned is not None:
                send_due.using(run_after=planned).enqueue()
        if mine:
            delivery.refresh_from_db()
            return delivery
    return None


def _next_attempt(delivery: WebhookDelivery) -> datetime | None:
    if delivery.event == PING or delivery.attempts >= len(WAITS):
        return None
    return timezone.now() + WAITS[delivery.attempts]


def _attempt(delivery: WebhookDelivery) -> None:
    hook = delivery.webhook
    if not _may_know(delivery):
        delivery.delete()
        return
    if hook.paused_at is not None and delivery.event != PING:
        _finish(delivery, failure="the webhook is paused", final=True)
        return
    try:
        answer = egress.request("POST", hook.endpoint, _headers(hook, delivery), delivery.payload.encode())
    except InvalidToken:  # SECRET_KEY is another one
        _finish(delivery, failure="its secret cannot be read any more; give the webhook a new one", final=True)
    except EgressError as error:
        # Of a refused address only that: what names lead to inside this network is not the hook owner's to learn.
        _finish(delivery, failure=error.message.partition(": ")[0])
    else:
        good = 200 <= answer.status < 300
        _finish(delivery, code=answer.status, failure="" if good else f"answered {answer.status}", good=good)


def _may_know(delivery: WebhookDelivery) -> bool:
    """Whether the hook's person may see the package now, whatever was so when it changed."""
    user = delivery.webhook.user
    if not user.is_active:
        return False
    if delivery.event == PING:
        return True
    return access.visible_to(Actor(user), unpublished=True).filter(name=delivery.package).exists()


def _headers(hook: Webhook, delivery: WebhookDelivery) -> dict[str, str]:
    secret = sealing.unseal(SECRET, hook.secret)
    return {
        "Content-Type": "application/json",
        "x-npm-signature": signature(secret, delivery.payload),
        "x-npm-event": delivery.event,
        "x-npm-delivery": str(delivery.pk),
    }


def signature(secret: str, payload: str) -> str:
    """What receivers compare: the payload's HMAC-SHA256 under the hook's secret."""
    return "sha256=" + hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def _finish(
    delivery: WebhookDelivery, *, code: int | None = None, failure: str, good: bool = False, final: bool = False
) -> None:
    delivery.response_code, delivery.failure = code, failure[:200]
    delivery.delivered_at = timezone.now() if good else None
    if good or final:
        delivery.next_attempt_at = None
    if not WebhookDelivery.objects.filter(pk=delivery.pk).exists():
        return  # the hook was removed while its message was on the way
    delivery.save(update_fields=["response_code", "failure", "delivered_at", "next_attempt_at"])
    if not good and delivery.event != PING:
        _pause_if_dead(delivery.webhook)
    _forget_old(delivery.webhook)


def _pause_if_dead(hook: Webhook) -> None:
    last_good = hook.deliveries.exclude(delivered_at=None).order_by("-created_at").first()
    since = max(hook.updated_at, last_good.created_at) if last_good else hook.updated_at
    failed = hook.deliveries.filter(created_at__gt=since, delivered_at=None).exclude(event=PING)
    if (failed.aggregate(attempts=Sum("attempts"))["attempts"] or 0) < PAUSE_AFTER:
        return
    with transaction.atomic():
        if Webhook.objects.filter(pk=hook.pk, paused_at=None).update(paused_at=timezone.now()):
            facts = {"subject": hook.subject, "webhook": str(hook.key)}
            audit.record(WORKER, "webhook.paused", person=hook.user.username, **facts)


def _forget_old(hook: Webhook) -> None:
    over = hook.deliveries.filter(next_attempt_at=None).order_by("-pk").values_list("pk", flat=True)[KEPT : 2 * KEPT]
    if over := list(over):
        WebhookDelivery.objects.filter(pk__in=over).delete()
