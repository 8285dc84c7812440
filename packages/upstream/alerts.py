"""What operators should look at because of upstream: told once, by mail and on their home, until somebody closes it."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import audit, notices
from accounts.actor import Actor
from accounts.models import User
from packages import records
from packages.models import MirrorAlert
from registry_site.errors import Conflict, NotAllowed

logger = logging.getLogger(__name__)

Kind = MirrorAlert.Kind
RECALLS = MirrorAlert.RECALLS  # who has those bytes is on the page of the recall
MAX_TEXT = 500
MOST_MAILS = 20  # in an hour; upstream may take away a thousand versions at once
HOUR = timedelta(hours=1)


def alert(kind: str, name: str, number: str = "", text: str = "") -> MirrorAlert | None:
    """Tell operators that something happened upstream; None when they know already.

    kind: a MirrorAlert.Kind. number: "" for what concerns the whole package. text: a sentence without its full stop.
    For versions that people here may have, how many downloaded them is added. Never raises: that something cannot be
    told breaks nothing else. Call it outside a transaction that may be taken back, or the alert goes with it.
    """
    try:
        with transaction.atomic():
            return _told(kind, name, number, text)
    except DatabaseError:
        logger.exception("the alert that %s@%s %s was not kept", name, number, kind)
        return None


def still_open() -> QuerySet[MirrorAlert]:
    """The alerts that nobody closed, newest first."""
    return MirrorAlert.objects.filter(closed_at=None)


def close(actor: Actor, alert: MirrorAlert) -> None:
    """Close an alert: somebody looked after it. Raises NotAllowed for anybody but an operator, Conflict when closed."""
    if actor.credential != "operator":
        raise NotAllowed("only operators of this registry do this, in the admin site")
    with transaction.atomic():
        if not still_open().filter(pk=alert.pk).update(closed_at=timezone.now(), closed_by=actor.name):
            raise Conflict("this alert is closed already")
        audit.record(actor, "alert.closed", package=alert.name, what=alert.get_kind_display(), number=alert.number)


def _told(kind: str, name: str, number: str, text: str) -> MirrorAlert | None:
    if still_open().filter(kind=kind, name=name, number=number).exists():
        return None
    text = text or str(Kind(kind).label)
    if kind in RECALLS:
        sentence = records.counts(records.of(name, number))[0].sentence
        text = f"{text[: MAX_TEXT - len(sentence) - 2]}. {sentence}"
    found, made = MirrorAlert.objects.get_or_create(
        kind=kind, name=name, number=number, closed_at=None, defaults={"text": text[:MAX_TEXT]}
    )
    if not made:
        return None
    _mail(found)
    return found


def _mail(alert: MirrorAlert) -> None:
    lately = MirrorAlert.objects.filter(at__gt=timezone.now() - HOUR).count()
    if lately > MOST_MAILS:
        return
    operators = User.objects.filter(is_superuser=True, is_active=True)
    more = ["There are many today: what else happens within the hour is not mailed."] if lately == MOST_MAILS else []
    what = f"{alert.name}@{alert.number}" if alert.number else alert.name
    subject = f"{what}: {alert.get_kind_display()}"
    link = ("Look at what waits", notices.page("admin:packages_mirroralert_changelist") + "?closed_at__isempty=1")
    notices.tell(operators, notices.Kind.RECALLS, subject, f"{alert.text.rstrip('.')}.", *more, link=link)
