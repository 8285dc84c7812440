"""Mail leaves through the background worker, so that no page waits for a mail server."""

from __future__ import annotations

from django.core.mail import send_mail
from django_tasks import task


@task()
def deliver(subject: str, text: str, to: str) -> None:
    """Send one plain-text mail now; run by the worker."""
    send_mail(subject, text, None, [to])


def send_later(subject: str, text: str, to: str) -> None:
    """Queue one plain-text mail, to be sent when the current transaction commits."""
    deliver.enqueue(subject=subject, text=text, to=to)
