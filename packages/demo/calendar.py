"""When it happened: what the verbs did today is dated back, so that two years have passed in a minute."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db.models import Model

from accounts import audit

MARK = "seed-demo"  # the request id of everything the demo does
BATCH = 400


class Calendar:
    """Remembers which rows belong to which moment, and writes the moments at the end, in few statements.

    Only rows that are in the calendar are touched. It sets columns that say when, never what.
    """

    def __init__(self) -> None:
        self._dates: dict[tuple[type[Model], str], dict[int, datetime]] = {}

    @contextmanager
    def on(self, at: datetime) -> Iterator[None]:
        """What actors of the demo did inside happened then; of two around it the inner one counts."""
        with audit.dated(at):  # at once: an event that is sealed does not change any more
            yield

    def date(self, rows: Model | Iterable[Model], column: str, at: datetime) -> None:
        """These rows have this moment in this column."""
        for row in [rows] if isinstance(rows, Model) else rows:
            self._dates.setdefault((type(row), column), {})[row.pk] = at

    def write(self) -> None:
        """Date everything back; for the transaction or the end of what made it."""
        for (model, column), dates in self._dates.items():
            rows = [model(pk=pk, **{column: at}) for pk, at in dates.items()]
            model._default_manager.bulk_update(rows, [column], batch_size=BATCH)
        self._dates.clear()
