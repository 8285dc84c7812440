"""Mail leaves through the background worker, so that no page waits for a mail server."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from django.core.mail import send_mail
from django_tasks import task


@task()
def deliver(subject: str, text: str, to: str) -> None:
    """Send one plain-text mail now; run by the worker."""
    send_mail(subject, text, None, [to])


def send_later(subject: str, text: str, to: str) -> None:
    """Queue one plain-text mail, to be sent when the current transaction commits."""
    deliver.enqueue(subject=subject, text=text, to=to)


def notify(request, user, what: str, *, more: str = "", to: str = "") -> None:
    """Tell a person that their account was changed: what, from where, by which client, and what to do about it.

    what: a sentence without its full stop; the subject of the mail, too. more: what else to say.
    to: another address than their first one, such as the one it was before.
    """
    words = {"what": what, "more": more}
    get_adapter(request).send_notification_mail("account/email/account_changed", user, words, email=to or None)
