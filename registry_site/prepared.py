"""Queries that Django builds and compiles once, and that run with other values from then on.

Building the policy's SQL takes Django longer than the database needs to answer it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import RawSQL
from django.db.models.query import get_related_populators

_SET_MARK = -(2**40)


class PreparedQuery:
    """The rows of a query whose SQL never changes, whatever the values.

    build: called with one stand-in for each value (`int` or `str`, as in `kinds`) and gives the query set. Each
    stand-in has to reach the SQL as a parameter, unchanged. most: no more rows are read; None for all.
    """

    def __init__(self, build: Callable[..., models.QuerySet], *kinds: type, most: int | None = 1) -> None:
        self._build, self._kinds, self._most = build, kinds, most
        self._compiled: dict[str, _Compiled] = {}  # by the kind of database; shared by all threads
        self._compiling = threading.Lock()

    def first(self, *values: int | str) -> Any:
        """The first row, as the query set would give it with these values; None when there is none."""
        return next(iter(self.rows(*values)), None)

    def rows(self, *values: int | str) -> list[Any]:
        """The rows, as the query set would give them with these values: objects, or tuples of a `values_list`."""
        connection = connections[DEFAULT_DB_ALIAS]
        compiled = self._compiled.get(connection.vendor) or self._compile(connection.vendor)
        return compiled.run(connection, values)

    def _compile(self, vendor: str) -> _Compiled:
        with self._compiling:
            if vendor not in self._compiled:
                marks = [f"\x01{place}" if kind is str else 2**52 + place for place, kind in enumerate(self._kinds)]
                self._compiled[vendor] = _Compiled(self._build(*marks)[: self._most], marks)
        return self._compiled[vendor]


class _Compiled:
    def __init__(self, rows: models.QuerySet, marks: list[Any]) -> None:
        compiler = rows.query.get_compiler(using=DEFAULT_DB_ALIAS)
        self._sql, params = compiler.as_sql()
        self._params = list(params)
        self._places = [(place, marks.index(value)) for place, value in enumerate(params) if value in marks]
        if {mark for _, mark in self._places} != set(range(len(marks))):
            raise TypeError("a stand-in did not reach the SQL as it was")
        is_sqlite = compiler.connection.vendor == "sqlite"
        self._of_sqlite = self._sql.replace("%s", "?").replace("%%", "%") if is_sqlite else None
        select, klass_info = compiler.select, compiler.klass_info
        self._converters = compiler.get_converters([column for column, _, _ in select])
        self._annotations = compiler.annotation_col_map
        self._model = None
        if rows.query.values_select:  # tuples
            return
        fields = klass_info["select_fields"]
        self._first, self._last = fields[0], fields[-1] + 1
        self._model = klass_info["model"]
        self._names = [column.target.attname for column, _, _ in select[self._first : self._last]]
        self._related = get_related_populators(klass_info, select, DEFAULT_DB_ALIAS)

    def run(self, connection: BaseDatabaseWrapper, values: tuple[int | str, ...]) -> list[Any]:
        params = list(self._params)
        for place, mark in self._places:
            params[place] = values[mark]
        found = [self._converted(connection, row) for row in self._rows(connection, params)]
        return found if self._model is None else [self._as_object(row) for row in found]

    def _rows(self, connection: BaseDatabaseWrapper, params: list[Any]) -> list[tuple]:
        # Django's cursor translates the SQL for SQLite anew each time, which takes longer than the answer.
        if self._of_sqlite is None or connection.queries_logged or connection.execute_wrappers:
            with connection.cursor() as cursor:
                cursor.execute(self._sql, params)
                return cursor.fetchall()
        connection.ensure_connection()
        with connection.wrap_database_errors:
            return connection.connection.execute(self._of_sqlite, params).fetchall()

    def _converted(self, connection: BaseDatabaseWrapper, row: tuple) -> tuple:
        if not self._converters:
            return row
        values = list(row)
        for place, (converters, expression) in self._converters.items():
            for convert in converters:
                values[place] = convert(values[place], expression, connection)
        return tuple(values)

    def _as_object(self, row: tuple) -> Any:
        found = self._model.from_db(DEFAULT_DB_ALIAS, self._names, row[self._first : self._last])
        for each in self._related:
            each.populate(row, found)
        for name, place in self._annotations.items():
            setattr(found, name, row[place])
        return found


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
            sql, params = self._build(_SET_MARK).query.get_compiler(DEFAULT_DB_ALIAS).as_sql()
            if _SET_MARK not in params:
                raise TypeError("the stand-in did not reach the SQL as it was")
            self._compiled[vendor] = sql, tuple(params)
        sql, params = self._compiled[vendor]
        return RawSQL(sql, [_put(number, each) for each in params])  # noqa: S611 - of Django's making # nosec B611


def _put(number: int, param: Any) -> Any:
    return number if param == _SET_MARK else param
