"""Several e-mail addresses of a person: what django-allauth's page changes stands in the audit log."""

from __future__ import annotations

from allauth.account import signals
from django.db import transaction

from accounts import audit


def listen() -> None:
    """Write down every change that the page makes; for the start of the app."""
    for signal, action in (
        (signals.email_added, "email.added"),
        (signals.email_changed, "email.first"),
        (signals.email_removed, "email.removed"),
    ):
        signal.connect(_recorder(action), weak=False)


def _recorder(action: str):
    def record(sender, request, user, **more) -> None:
        with transaction.atomic():
            audit.record(request.actor, action, person=user.username)

    return record
