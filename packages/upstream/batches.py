"""Many rows in one statement, put together before the transaction that writes them.

Of thousands of rows Django takes longer to put a statement together than a database to carry it out, and on SQLite
everybody else waits for whoever writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Field, Model


@dataclass(frozen=True)
class Batch:
    """One statement, and the values of each row."""

    sql: str
    rows: list[tuple[Any, ...]]

    def write(self) -> None:
        """Carry it out for all rows; inside a transaction."""
        if self.rows:
            with connection.cursor() as cursor:
                cursor.executemany(self.sql, self.rows)


def inserting(rows: Sequence[Model]) -> Batch:
    """New rows of one model, without keys yet; one that breaks a constraint is left out."""
    if not rows:
        return Batch("", [])
    fields = [field for field in rows[0]._meta.concrete_fields if not field.primary_key]
    columns, marks = ", ".join(map(_column, fields)), ", ".join(["%s"] * len(fields))
    sql = f"INSERT INTO {_table(rows)} ({columns}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608 - our names # nosec B608
    return Batch(sql, list(_values(rows, fields)))


def saving(rows: Sequence[Model], columns: Sequence[str]) -> Batch:
    """These columns of known rows of one model; as they are, so none that a field fills by itself."""
    if not rows:
        return Batch("", [])
    key = rows[0]._meta.pk
    fields = [rows[0]._meta.get_field(name) for name in columns]
    sets = ", ".join(f"{_column(field)} = %s" for field in fields)
    sql = f"UPDATE {_table(rows)} SET {sets} WHERE {_column(key)} = %s"  # noqa: S608 - our names # nosec B608
    return Batch(sql, list(_values(rows, [*fields, key])))


def _table(rows: Sequence[Model]) -> str:
    return connection.ops.quote_name(rows[0]._meta.db_table)


def _column(field: Field) -> str:
    return connection.ops.quote_name(field.column)


def _values(rows: Sequence[Model], fields: Sequence[Field]) -> Iterator[tuple[Any, ...]]:
    database = connections[DEFAULT_DB_ALIAS]  # `connection` looks it up for each value
    prepare = [(field.attname, field.get_db_prep_save) for field in fields]
    for row in rows:
        yield tuple(one(getattr(row, name), database) for name, one in prepare)
