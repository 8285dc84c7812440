"""People whom their company no longer knows: suspended when they are gone, and let in again when they are back.

Who an operator suspended stays so, whatever the company says.
"""

from __future__ import annotations

import logging

from django.db import transaction

from accounts import suspension
from accounts.actor import operator
from accounts.models import Absence, User

logger = logging.getLogger(__name__)

Source = Absence.Source


def begin(user: User, source: str, reason: str) -> bool:
    """Suspend somebody who is gone, as an operator would: sessions end, tokens are refused; whether that was to do.

    reason: for the audit log. The last admin stays: somebody has to be able to look after it.
    """
    with transaction.atomic():
        person = User.objects.select_for_update().get(pk=user.pk)
        if not person.is_active:
            return False
        if suspension.is_last_admin(person):
            logger.warning("%s is the last admin and stays, although: %s", person.username, reason)
            return False
        suspension.shut_out(operator(), person, reason[: suspension.MAX_REASON])
        Absence.objects.create(user=person, source=source)
    user.is_active = False
    return True


def end(user: User, source: str) -> bool:
    """Let somebody in again who is back where they were gone from; whether that was to do."""
    if user.is_active or not Absence.objects.filter(user=user, source=source).exists():
        return False
    with transaction.atomic():
        person = User.objects.select_for_update().get(pk=user.pk)
        if not Absence.objects.filter(user=person, source=source).exists():
            return False
        suspension.let_in(operator(), person)
    user.is_active = True
    return True
