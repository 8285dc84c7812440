"""Every number that was published is in the ledger, with its bytes: a restore finds there what must not come again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from packages import ledger
from packages.models import Version
from packages.verification.wrong import Wrong

BATCH = 500
MEND = "run manage.py verify --mend, which writes it down"
LOOK = "look at who writes to LEDGER_URL; after a restore this number would take other bytes than it has"


class _Row(NamedTuple):
    pk: int
    name: str
    number: str
    integrity: str


def look(tell: Callable[[int], None]) -> Iterator[Wrong]:
    """Numbers of ours that are not in the ledger, and those that it knows with other bytes alone. Raises OSError."""
    for row, known in _compared(tell):
        if not known:
            yield Wrong(f"{row.name}@{row.number}", "its number is not in the ledger", MEND)
        else:
            yield Wrong(f"{row.name}@{row.number}", "the ledger knows its number with other bytes", LOOK)


def mend() -> int:
    """Write down the numbers that are not in the ledger; gives how many. Raises OSError, Unavailable."""
    missing = [row for row, known in _compared(lambda count: None) if not known]
    for row in missing:
        ledger.note(row.name, row.number, row.integrity)
    return len(missing)


def _compared(tell: Callable[[int], None]) -> Iterator[tuple[_Row, str]]:
    # The database first: what is listed there is in the ledger already, and the ledger is never cut.
    rows = Version.objects.filter(package__mirrored=False).order_by("-pk")
    newest = rows.values_list("pk", flat=True).first() or 0
    used: dict[str, str] = {}  # mostly one digest each, and there may be a million
    for name, number, integrity in ledger.entries():
        place = f"{name}@{number.lower()}"
        used[place] = f"{used[place]} {integrity}" if place in used else integrity
    last = 0
    columns = ("pk", "package__name", "number", "integrity")
    ours = Version.objects.filter(package__mirrored=False, pk__lte=newest).order_by("pk")
    while some := [_Row(*each) for each in ours.filter(pk__gt=last).values_list(*columns)[:BATCH]]:
        for row in some:
            known = used.get(f"{row.name}@{row.number.lower()}", "")
            if row.integrity not in known.split():
                yield row, known
        tell(len(some))
        last = some[-1].pk
