"""Sets of ids for other queries, whose SQL Django builds once: building takes longer than the database needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.models.expressions import RawSQL

_MARK = -(2**40)


class PreparedSet:
    """The one column of a query whose SQL never changes, as the right side of `__in`.

    build: called with a stand-in for a number, which has to reach the SQL as a parameter, unchanged; gives a query set
    of one column.
    """

    def __init__(self, build: Callable[[int], models.QuerySet]) -> None:
        self._build, self._compiled = build, {}

    def of(self, number: int) -> RawSQL:
        """The set for this number."""
        vendor = connections[DEFAULT_DB_ALIAS].vendor
        if vendor not in self._compiled:
            sql, params = self._build(_MARK).query.get_compiler(DEFAULT_DB_ALIAS).as_sql()
            if _MARK not in params:
                raise TypeError("the stand-in did not reach the SQL as it was")
            self._compiled[vendor] = sql, tuple(params)
        sql, params = self._compiled[vendor]
        return RawSQL(sql, [_put(number, each) for each in params])  # noqa: S611 - of Django's making


def _put(number: int, param: Any) -> Any:
    return number if param == _MARK else param
