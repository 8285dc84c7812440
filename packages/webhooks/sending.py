"""Messages on their way: signed, sent by the background worker, tried again, and given up."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from cryptography.fernet import InvalidToken
from django.db import transaction
from django.db.models import Min, QuerySet, Sum
from django.utils import timezone
from django_tasks import task

from accounts import audit, notices
from accounts.actor import Actor
from packages.models import Webhook, WebhookDelivery
from packages.webhooks import hearing, signing
from registry_site import egress, logs
from registry_site.egress import Answer, EgressError

# How long after each failed attempt the next one is; after the last, three days after the first, it is given up.
WAITS = [timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30)]
WAITS += [timedelta(hours=hours) for hours in (2, 6, 12, 24, 24)]
# That others of a hook wait when one failed, and of a person when one took long: it keeps nobody else waiting.
HOLD = timedelta(minutes=1)
SLOW = 3.0  # seconds
# A hook is paused when so many attempts failed in a row, and nothing got through for so long.
PAUSE_AFTER = 20
PATIENCE = timedelta(days=2)
KEPT = 100  # messages a hook keeps to be looked at, at most so long
KEPT_FOR = timedelta(days=30)
A_TURN, A_TURN_SECONDS = 20, 20.0  # messages sent by one run, and how long it takes: mail gets its turn
MAX_ANSWER = 2000  # bytes of an answer that are kept
WORKER = Actor(credential="worker")
PING = "ping"


@task(priority=-10)
def send_due() -> None:
    """Send what is due; run by the worker, after each change and at the end of each wait."""
    ends = time.monotonic() + A_TURN_SECONDS
    for _ in range(A_TURN):
        delivery = _claim()
        if delivery is None:
            return
        _attempt(delivery)
        if time.monotonic() > ends:
            break
    if _due().exists():
        send_due.enqueue()


def forget_old() -> int:
    """Forget messages that were sent or given up long ago; gives how many. The newest of each hook are fewer anyway."""
    past = WebhookDelivery.objects.filter(next_attempt_at=None, created_at__lt=timezone.now() - KEPT_FOR)
    return past.delete()[0]


def _due():
    return WebhookDelivery.objects.filter(next_attempt_at__lte=timezone.now())


def _claim() -> WebhookDelivery | None:
    while found := list(_due().select_related("webhook__user").order_by("next_attempt_at", "pk")[:A_TURN]):
        for delivery in found:
            if not _waits_for_others(delivery) and _take(delivery):
                delivery.refresh_from_db()
                return delivery
    return None


def _take(delivery: WebhookDelivery) -> bool:
    # Taken before it is sent, with the next attempt planned already: a worker that dies half-way loses nothing.
    planned = _next_attempt(delivery)
    with transaction.atomic():
        mine = WebhookDelivery.objects.filter(pk=delivery.pk, next_attempt_at=delivery.next_attempt_at).update(
            attempts=delivery.attempts + 1, next_attempt_at=planned, failure="no answer yet"
        )
        if mine and planned is not None:
            send_due.using(run_after=planned).enqueue()
    return bool(mine)


def _waits_for_others(delivery: WebhookDelivery) -> bool:
    if delivery.attempts or delivery.event == PING:
        return False
    # Older ones of its hook that were not tried either are held: it comes behind them.
    older = delivery.webhook.deliveries.filter(attempts=0, pk__lt=delivery.pk, next_attempt_at__gt=timezone.now())
    until = older.exclude(event=PING).order_by("pk").values_list("next_attempt_at", flat=True).first()
    if until is None:
        return False
    WebhookDelivery.objects.filter(pk=delivery.pk).update(next_attempt_at=until)
    return True


def _next_attempt(delivery: WebhookDelivery) -> datetime | None:
    if delivery.event == PING or delivery.attempts >= len(WAITS):
        return None
    return timezone.now() + WAITS[delivery.attempts]


def _attempt(delivery: WebhookDelivery) -> None:
    hook, began = delivery.webhook, time.monotonic()
    if not hearing.may_still(delivery):
        delivery.delete()
        return
    if hook.paused_at is not None and delivery.event != PING:
        _finish(delivery, failure="the webhook is paused", final=True)
        return
    answer = None
    try:
        headers = signing.headers(hook, delivery)
        answer = egress.request("POST", hook.endpoint, headers, delivery.payload.encode(), max_answer=MAX_ANSWER)
    except InvalidToken:  # SECRET_KEY is another one
        _finish(delivery, failure="its secret cannot be read any more; give the webhook a new one", final=True)
        return
    except EgressError as error:
        # Of a refused address only that: what names lead to inside this network is not the hook owner's to learn.
        failure = error.message.partition(": ")[0]
    else:
        failure = "" if 200 <= answer.status < 300 else f"answered {answer.status}"
    took = time.monotonic() - began
    _remember(delivery, answer, failure, took)
    _finish(delivery, code=answer.status if answer else None, failure=failure, good=not failure)
    if took > SLOW:
        _hold(WebhookDelivery.objects.filter(webhook__user=hook.user))


def _remember(delivery: WebhookDelivery, answer: Answer | None, failure: str, seconds: float) -> None:
    tried = {"at": int(time.time()), "ms": round(seconds * 1000), "said": failure or f"answered {answer.status}"}
    delivery.tries = [*(delivery.tries or []), tried][-len(WAITS) - 1 :]
    delivery.answer = _shown(delivery.webhook, answer) if answer else ""


def _shown(hook: Webhook, answer: Answer) -> str:
    # What a server of an inner network says is not for everybody who can name it, and no secret is for the log.
    if answer.is_inner:
        return ""
    text = answer.body.decode(errors="replace").replace("\0", "")
    for secret in signing.all_of(hook):
        text = text.replace(secret, logs.LEFT_OUT)
    return logs.redact(text)


def _finish(
    delivery: WebhookDelivery, *, code: int | None = None, failure: str, good: bool = False, final: bool = False
) -> None:
    delivery.response_code, delivery.failure = code, failure[:200]
    delivery.delivered_at = timezone.now() if good else None
    if good or final:
        delivery.next_attempt_at = None
    if not WebhookDelivery.objects.filter(pk=delivery.pk).exists():
        return  # the hook was removed while its message was on the way
    fields = ["response_code", "failure", "delivered_at", "next_attempt_at", "tries", "answer"]
    delivery.save(update_fields=fields)
    if not good and delivery.event != PING:
        if not final:
            _hold(delivery.webhook.deliveries.all())
        _pause_if_dead(delivery.webhook)
    _forget_more(delivery.webhook)


def _hold(others: QuerySet[WebhookDelivery]) -> None:
    later = timezone.now() + HOLD
    if others.filter(next_attempt_at__lte=timezone.now()).exclude(event=PING).update(next_attempt_at=later):
        send_due.using(run_after=later).enqueue()


def _pause_if_dead(hook: Webhook) -> None:
    last_good = hook.deliveries.exclude(delivered_at=None).order_by("-created_at").first()
    since = max(hook.updated_at, last_good.created_at) if last_good else hook.updated_at
    failed = hook.deliveries.filter(created_at__gt=since, delivered_at=None, attempts__gt=0).exclude(event=PING)
    found = failed.aggregate(attempts=Sum("attempts"), first=Min("created_at"))
    if (found["attempts"] or 0) < PAUSE_AFTER or timezone.now() - found["first"] < PATIENCE:
        return
    with transaction.atomic():
        if Webhook.objects.filter(pk=hook.pk, paused_at=None).update(paused_at=timezone.now()):
            facts = {"subject": hook.subject, "webhook": str(hook.key)}
            audit.record(WORKER, "webhook.paused", person=hook.user.username, **facts)
            _tell(hook)


def _tell(hook: Webhook) -> None:
    last = hook.deliveries.exclude(failure="").order_by("-pk").values_list("failure", flat=True).first()
    notices.tell(
        hook.user,
        notices.Kind.HOOKS,
        f"Your webhook for {hook.subject} is paused",
        f"Nothing reached its address for {PATIENCE.days} days. The last attempt: {last or 'no answer'}.",
        "What happens from now on it is not told. Look at its messages, put right what is wrong, and resume it.",
        link=("Look at the webhook", notices.page("webhook", hook.key)),
    )


def _forget_more(hook: Webhook) -> None:
    over = hook.deliveries.filter(next_attempt_at=None).order_by("-pk").values_list("pk", flat=True)[KEPT : 2 * KEPT]
    if over := list(over):
        WebhookDelivery.objects.filter(pk__in=over).delete()
