"""Rows that stay as they are until a transaction ends; any number of transactions may hold one at the same time."""

from __future__ import annotations

from typing import TypeVar

from django.db import connections, models
from django.db.models import QuerySet

Row = TypeVar("Row", bound=models.Model)


def held(rows: QuerySet[Row]) -> Row | None:
    """The first of some rows as it is now, and so until the transaction ends; None when there is none.

    Whoever would change it waits. `select_for_update` keeps others from holding it, too, so that two publishes with one
    token would wait for each other. SQLite has one writer at a time, which holds everything.
    rows: of one table. Call it inside a transaction.
    """
    sql, params = rows.order_by()[:1].query.sql_with_params()
    if connections[rows.db].features.has_select_for_update:
        sql += " FOR SHARE"
    return next(iter(rows.model._default_manager.using(rows.db).raw(sql, params)), None)
