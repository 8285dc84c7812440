"""Read-only mode: for a while nothing changes here, on every host, from the next request on.

The setting `READ_ONLY` says it for as long as a host runs with it; `manage.py read_only` and the admin site say it for
all hosts, in a row. Whoever would change something asks the database. Pages that only tell of it ask no more often
than every few seconds, and wait for nothing.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, transaction
from django.utils import timezone
from django.utils.formats import date_format

from accounts import audit
from accounts.actor import Actor
from accounts.models import ReadOnly
from registry_site import errors
from registry_site.errors import Conflict, Invalid

MAX_REASON = 300
LONGEST_SECONDS = 60 * 60  # so long a client is told to wait at most
SECONDS = 2.0


@dataclass(frozen=True)
class Standstill:
    """Why nothing changes, and until when; None: until an operator lifts it. by: who said so, "" for the setting."""

    reason: str
    until: datetime | None = None
    by: str = ""

    @property
    def message(self) -> str:
        """What somebody is told who would change something; without a full stop, as refusals are."""
        return f"{self.sentence}; installing goes on, and nothing was changed"

    @property
    def sentence(self) -> str:
        """What is so, without a full stop."""
        until = f" until {date_format(self.until, 'j F Y, H:i')} UTC" if self.until else ""
        because = f": {self.reason.rstrip('.')}" if self.reason else ""
        return f"this registry is read-only{until}{because}"


def current() -> Standstill | None:
    """What is so now; one query, unless the setting says it. Raises DatabaseError."""
    if settings.READ_ONLY != "off":
        return Standstill("" if settings.READ_ONLY == "on" else settings.READ_ONLY)
    row = ReadOnly.objects.first()
    found = None
    if row is not None and (row.until is None or row.until > timezone.now()):
        found = Standstill(row.reason, row.until, row.by)
    _lately.keep(found)
    return found


def is_on() -> bool:
    """Whether nothing is to change now. Raises DatabaseError."""
    return current() is not None


def lately() -> Standstill | None:
    """What was so a few seconds ago; no query of the caller's."""
    return current() if settings.READ_ONLY != "off" else _lately.say()


def require_off() -> None:
    """Goes on when something may change. Raises ReadOnly."""
    if (found := current()) is not None:
        seconds = int((found.until - timezone.now()).total_seconds()) + 1 if found.until else None
        raise errors.ReadOnly(found.message, seconds=min(seconds, LONGEST_SECONDS) if seconds else None)


def begin(actor: Actor, reason: str, until: datetime | None = None) -> Standstill:
    """Let nothing change from now on; said again, it has another reason and another end.

    actor: an operator. Raises Invalid for no reason, a long one, or an end that is over.
    Source: `manage.py read_only on`, the admin site.
    """
    reason = " ".join(reason.split())
    if not 0 < len(reason) <= MAX_REASON:
        raise Invalid(f"say why, in at most {MAX_REASON} characters: everybody reads it")
    if until is not None and until <= timezone.now():
        raise Invalid("the end is over already; say one that comes, or none")
    with transaction.atomic():
        said = {"reason": reason, "until": until, "by": actor.name, "began_at": timezone.now()}
        ReadOnly.objects.update_or_create(place=1, defaults=said)
        audit.record(actor, "registry.read_only", reason=reason, until=until.isoformat() if until else "")
    return current() or Standstill(reason, until, actor.name)


def end(actor: Actor) -> None:
    """Let things change again. Raises Conflict where the setting says that nothing changes."""
    if settings.READ_ONLY != "off":
        raise Conflict("READ_ONLY is set on this host; take it out of its environment and start it again")
    with transaction.atomic():
        if ReadOnly.objects.all().delete()[0]:
            audit.record(actor, "registry.writable")
    current()


class _Lately:
    """The last look of this process. In one that serves, a thread looks anew when somebody asks and it is old."""

    def __init__(self) -> None:
        self._found: Standstill | None = None
        self._at = 0.0
        self._serves = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Look anew every few seconds, when somebody asks."""
        self._serves = True

    def keep(self, found: Standstill | None) -> None:
        self._found, self._at = found, time.monotonic()

    def say(self) -> Standstill | None:
        if self._serves and time.monotonic() - self._at > SECONDS and self._lock.acquire(blocking=False):
            threading.Thread(target=self._look, name="standstill", daemon=True).start()
        found = self._found
        return None if found is not None and found.until is not None and found.until <= timezone.now() else found

    def _look(self) -> None:
        try:
            close_old_connections()
            current()
        except (DatabaseError, InterfaceError):
            self._at = time.monotonic()  # what it was is still the best that is known
        finally:
            close_old_connections()
            self._lock.release()

    def forget(self) -> None:
        self._found, self._at = None, 0.0


_lately = _Lately()
watch, forget = _lately.start, _lately.forget
