"""How the database answers a question: by which indexes, and which tables it reads from one end to the other.

    asked = plans.of(lambda: client.get("/package/@acme/ledger/versions"))
    assert not plans.scanned(asked)

SQLite is asked as it is: without statistics it plans the same however many rows there are. PostgreSQL would rightly
read a table of ten rows whole, so it is told that this is dear: what it reads whole even then, it has no index for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.models import Model, QuerySet

_ALIAS = re.compile(r'"(\w+)" (?:AS )?"?(\w+)"?')
_STEP = re.compile(r"(SEARCH|SCAN) (\S+)(?: AS (\S+))?(?: USING (?:COVERING )?INDEX (\S+))?(.*)")
_RELUCTANT = ("enable_seqscan", "enable_sort")


@dataclass(frozen=True)
class Plan:
    """How one statement is answered.

    indexes: that lead to the rows. scans: tables that are read whole; an index that is walked in its order, without
    anything to look for, counts as one unless a limit ends the walk. sorts: whether rows are put in order first.
    """

    sql: str
    steps: list[str] = field(repr=False)
    indexes: frozenset[str] = frozenset()
    scans: frozenset[str] = frozenset()
    sorts: bool = False

    def __str__(self) -> str:
        return "\n".join([self.sql[:2000], *(f"    {step}" for step in self.steps)])


def of(asked: QuerySet | Callable[[], Any]) -> list[Plan]:
    """The plans of a query set, or of every SELECT that a call makes."""
    with caught() as statements:
        list(asked) if isinstance(asked, QuerySet) else asked()
    return [_explained(sql, params) for sql, params in statements]


def scanned(plans: Iterable[Plan], *, but: Iterable[str] = ()) -> dict[str, str]:
    """The tables that these plans read whole, each with the plan that says so. but: tables that stay small."""
    return {table: str(plan) for plan in plans for table in plan.scans - set(but)}


def using(plans: Iterable[Plan], index: str) -> bool:
    """Whether one of these plans comes to its rows by this index."""
    return any(index in plan.indexes for plan in plans)


def blocks(sql: str, params: Any) -> int:
    """How many blocks of 8 kB PostgreSQL reads to answer a SELECT, from memory or from disk."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", params)
        found = cursor.fetchone()[0]
    root = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return root["Shared Hit Blocks"] + root["Shared Read Blocks"]


def counted(*models: type[Model]) -> None:
    """Tell PostgreSQL how many rows these tables have and how they differ, for this transaction; SQLite is not told."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for model in models:
                cursor.execute(f"ANALYZE {connection.ops.quote_name(model._meta.db_table)}")


@contextmanager
def caught() -> Iterator[list[tuple[str, Any]]]:
    """The SELECTs that are run inside, each with its parameters."""
    statements: list[tuple[str, Any]] = []

    def keep(execute, sql, params, many, context):
        if sql.lstrip("( ").startswith("SELECT"):
            statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(keep):
        yield statements


def _explained(sql: str, params: Any) -> Plan:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
            return _of_sqlite(sql, [row[3] for row in cursor.fetchall()])
        cursor.execute("".join(f"SET {name} = off;" for name in _RELUCTANT))
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        found = cursor.fetchone()[0]
        cursor.execute("".join(f"SET {name} = on;" for name in _RELUCTANT))
        return _of_postgres(sql, (json.loads(found) if isinstance(found, str) else found)[0]["Plan"])


def _of_sqlite(sql: str, steps: list[str]) -> Plan:
    tables = set(connection.introspection.table_names())
    named = {alias: table for table, alias in _ALIAS.findall(sql) if table in tables}
    indexes, scans = set(), set()
    sorts = any("TEMP B-TREE FOR ORDER" in step for step in steps)
    for step in steps:
        if (match := _STEP.match(step)) is None:
            continue
        kind, table, alias, index, _ = match.groups()
        table = named.get(alias or table, table)
        if kind == "SEARCH":
            indexes.add(index or f"{table}_pkey")
        elif table in tables and not (" LIMIT " in sql and (index or not sorts)):
            scans.add(table)
    return Plan(
        sql, steps, frozenset(indexes), frozenset(scans), any("TEMP B-TREE FOR ORDER" in step for step in steps)
    )


def _of_postgres(sql: str, root: dict[str, Any]) -> Plan:
    steps, indexes, scans = [], set(), set()
    sorts = False
    for depth, limited, node in _walked(root):
        kind, table, index = node["Node Type"], node.get("Relation Name", ""), node.get("Index Name", "")
        condition = node.get("Index Cond", "")
        steps.append(" ".join(filter(None, ["  " * depth + kind, table, index, condition])))
        sorts |= kind in ("Sort", "Incremental Sort")
        if kind == "Seq Scan" or (index and not condition and not limited):
            scans.add(table or index)
        elif index:
            indexes.add(index)
    return Plan(sql, steps, frozenset(indexes), frozenset(scans), sorts)


def _walked(node: dict[str, Any], depth: int = 0, limited: bool = False) -> Iterator[tuple[int, bool, dict[str, Any]]]:
    limited = limited or node["Node Type"] == "Limit"
    yield depth, limited, node
    for below in node.get("Plans", ()):
        yield from _walked(below, depth + 1, limited)
