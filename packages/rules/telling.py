"""What a developer is told whose install a rule changed: which rule, until when, and where to ask."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from accounts import notices
from packages.rules.engine import Hold
from registry_site.errors import Held

ANY_CONTACT = "the operators of this registry"
MOST_NAMED = 3


def refusal(name: str, number: str, hold: Hold) -> Held:
    """The answer to whoever asks for a version that is held back."""
    return Held(f"{name}@{number} is held back here: {sentence(hold)}; {where(name, hold)}")


def nothing_left(name: str, holds: dict[str, Hold]) -> Held:
    """The answer to whoever asks for a package all of whose versions are held back. holds: by number, not empty.

    A packument without versions would make clients say that nothing matches, and not why.
    """
    first = min(holds.values(), key=_ends)
    others = len({hold.rule for hold in holds.values()}) - 1
    more = f" (and {others} more rule{'s' * (others != 1)})" if others else ""
    which = "its only version is" if len(holds) == 1 else f"all its {len(holds)} versions are"
    reason = f"{which} held back{more}: {sentence(first)}"
    return Held(f"{name} cannot be installed here, because {reason}; {where(name, first)}")


def restrictions(name: str, holds: dict[str, Hold]) -> dict[str, Any]:
    """The part of a packument with which npm itself says why a version that is held back does not match a range.

    Says nothing of whose rules they are: everybody with the same rules is given the same document.
    """
    reasons = sorted({_lasting(hold) for hold in holds.values()})
    more = len(reasons) - MOST_NAMED
    shown = "; ".join(reasons[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    message = f"the rules of this registry hold it back ({shown}); {where(name)}"
    return {"message": message, "versions": {number: {"name": name, "version": number} for number in holds}}


def sentence(hold: Hold) -> str:
    """Which rule, why, and until when, without a full stop."""
    said = f"{hold.reason} (rule {hold.rule.label.lower()} of {hold.source})" if hold.source else hold.reason
    return f"{said}, until {hold.until:%-d %B %Y, %H:%M} UTC" if hold.until else said


def where(name: str, hold: Hold | None = None) -> str:
    """Where to ask: the page that tells what is held back of a package, and whoever decides."""
    page = settings.SITE_URL + notices.page("rules") + f"?package={name}"
    return f"see {page} or ask {whom(hold)}"


def whom(hold: Hold | None = None) -> str:
    """Whom to ask about what is held back: the org whose rule it is, or whoever decides about the registry's."""
    return f"the owners and admins of {hold.source.org}" if hold and hold.source and hold.source.org else contact()


def contact() -> str:
    """Whom to ask about the registry's rules."""
    return settings.RULES_CONTACT or ANY_CONTACT


def _lasting(hold: Hold) -> str:
    # A document is kept for hours, in which "2 days ago" becomes wrong.
    return f"too new until {hold.until:%-d %B %Y, %H:%M} UTC" if hold.until else hold.reason


def _ends(hold: Hold) -> tuple[bool, float]:
    # What ends soonest is the best news; what never ends by itself is the last.
    return hold.until is None, hold.until.timestamp() if hold.until else 0.0
