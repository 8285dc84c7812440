"""The audit log is as it was sealed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from accounts import proving
from packages import witness
from packages.verification.wrong import Wrong

LOG = "the audit log"
MEND = "manage.py verify_audit says more; nothing mends it, so compare it with an export or a backup"


def look(tell: Callable[[int], None]) -> Iterator[Wrong]:
    """No event was changed, removed, put in or moved since it was sealed, and the heads beside the ledger are its own.

    Raises OSError.
    """
    try:
        noted = list(witness.heads())
    except ValueError as error:
        yield Wrong(LOG, f"a head beside the ledger cannot be read: {error}", "look who else writes there")
        noted = []
    for broken in proving.look(proving.Report(), noted, tell):
        yield Wrong(LOG, broken.says, MEND)
