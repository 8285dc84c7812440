"""E-mail addresses of people: whose one is, and what django-allauth's page changes stands in the audit log."""

from __future__ import annotations

from allauth.account import signals
from allauth.account.models import EmailAddress
from django.db import transaction

from accounts import audit
from accounts.actor import Actor
from accounts.models import User


def holder(email: str) -> User | None:
    """Whose address this is: who showed that mail to it arrives, or was given it by an operator; None when nobody's.

    What somebody only says of themselves is no reason to keep its owner out.
    """
    shown = EmailAddress.objects.select_related("user").filter(email__iexact=email, verified=True).first()
    if shown is not None:
        return shown.user
    return User.objects.filter(email__iexact=email).exclude(emailaddress__email__iexact=email).first()


def free(actor: Actor, email: str) -> None:
    """Take an address from those who only said that it is theirs, for the one of whom the company says so."""
    with transaction.atomic():
        said = EmailAddress.objects.filter(email__iexact=email, verified=False)
        people = User.objects.filter(pk__in=said.values("user"))
        for user in people:
            audit.record(actor, "email.removed", person=user.username)
        people.filter(email__iexact=email).update(email="")
        said.delete()


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
