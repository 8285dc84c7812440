"""What shows a receiver that a message is from here, and that it is not an old one sent again by somebody else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time

from cryptography.fernet import InvalidToken
from django.utils import timezone

from accounts import sealing
from packages.models import Webhook, WebhookDelivery

PURPOSE = "webhook"  # what the secrets are sealed for
STANDARD = "whsec_"  # how secrets begin whose rest is a key in base64, as Standard Webhooks has it
SCHEMA = 1  # of the JSON text; another one when a word goes or means something else
SHOWN = ("Content-Type", "x-npm-event", "x-npm-delivery", "webhook-id", "webhook-timestamp")


def new_secret() -> str:
    """A secret that nobody knows yet."""
    return STANDARD + base64.b64encode(secrets.token_bytes(32)).decode()


def headers(hook: Webhook, delivery: WebhookDelivery) -> dict[str, str]:
    """The headers of a message that is sent now. Raises InvalidToken when SECRET_KEY is another one.

    npm's signature and GitHub's are of the body alone; the third also of the message's id and the time, and by the
    secret before this one, too, as long as that is good.
    """
    secret = sealing.unseal(PURPOSE, hook.secret)
    stamp = str(int(time.time()))
    body_only = signature(secret, delivery.payload)
    return {
        **shown(delivery, stamp),
        "x-npm-signature": body_only,
        "x-hub-signature-256": body_only,
        "webhook-signature": " ".join(
            standard(each, delivery.message_id, stamp, delivery.payload) for each in [secret, *_older(hook)]
        ),
    }


def shown(delivery: WebhookDelivery, stamp: str) -> dict[str, str]:
    """The headers of a message without its signatures; for pages, too. stamp: when it is sent, in seconds."""
    values = ("application/json", delivery.event, delivery.message_id, delivery.message_id, stamp)
    return dict(zip(SHOWN, values, strict=True))


def signature(secret: str, payload: str) -> str:
    """What npm's receivers compare, and GitHub's: the payload's HMAC-SHA256 under the hook's secret."""
    return "sha256=" + hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def standard(secret: str, message_id: str, stamp: str, payload: str) -> str:
    """What receivers of Standard Webhooks compare: the HMAC-SHA256 of id, time and payload with dots between."""
    signed = f"{message_id}.{stamp}.{payload}".encode()
    return "v1," + base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()


def all_of(hook: Webhook) -> list[str]:
    """The secrets of a hook, the one in use first; for what must show none. Raises InvalidToken."""
    return [sealing.unseal(PURPOSE, hook.secret), *_older(hook)]


def _older(hook: Webhook) -> list[str]:
    if not (hook.old_secret and hook.old_secret_until and hook.old_secret_until > timezone.now()):
        return []
    try:
        return [sealing.unseal(PURPOSE, hook.old_secret)]
    except InvalidToken:  # of an older SECRET_KEY, which is why there is a new one
        return []


def _key(secret: str) -> bytes:
    if secret.startswith(STANDARD):
        try:
            return base64.b64decode(secret.removeprefix(STANDARD), validate=True)
        except ValueError:
            pass
    return secret.encode()
