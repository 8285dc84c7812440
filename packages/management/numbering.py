"""The numbers that rows were given so far, carried from one database to another: none is given twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.core.management.color import no_style
from django.db.models import AutoField, Model


def carry(source, target, models: Sequence[type[Model]]) -> None:
    """Let the target go on numbering where the source was, also after rows that are gone.

    source, target: connections. models: whose rows are in both already.
    """
    with target.cursor() as cursor:
        for statement in target.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)
        for table, column, last in list(_last_numbers(source, models)):
            if target.vendor == "postgresql":
                name = target.ops.quote_name(table)
                cursor.execute("SELECT setval(pg_get_serial_sequence(%s, %s), %s)", [name, column, last])
                continue
            cursor.execute("UPDATE sqlite_sequence SET seq = max(seq, %s) WHERE name = %s", [last, table])
            if not cursor.rowcount:
                cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, last])


def _last_numbers(source, models: Sequence[type[Model]]) -> Iterator[tuple[str, str, int]]:
    keys = [(each._meta.db_table, each._meta.pk.column) for each in models if isinstance(each._meta.pk, AutoField)]
    with source.cursor() as cursor:
        if source.vendor == "sqlite":
            cursor.execute("SELECT name, seq FROM sqlite_sequence")
            numbers = dict(cursor.fetchall())
            yield from ((table, column, numbers[table]) for table, column in keys if numbers.get(table))
            return
        for table, column in keys:
            cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [source.ops.quote_name(table), column])
            cursor.execute(f"SELECT last_value FROM {cursor.fetchone()[0]} WHERE is_called")  # noqa: S608 # nosec B608
            if row := cursor.fetchone():
                yield table, column, row[0]
