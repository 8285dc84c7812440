"""All rows of one database into another one of any kind, in one transaction: whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, IntegrityError, InterfaceError, connections, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Field, JSONField, Model
from django.utils.connection import ConnectionDoesNotExist

from packages.management import numbering
from registry_site import databases, env

SOURCE, TARGET = "default", "target"
ROWS = 100  # that are read at once
BYTES = 4 * 2**20  # that are written at once, more or less
SCHEMES = ("postgres://", "postgresql://", "sqlite:///")
MADE_BY_PREPARE = ("contenttypes.contenttype", "auth.permission", "packages.knownstorage")


class CannotCopy(Exception):
    """The rows stay where they are, and the target as it was; the message says why."""


@dataclass(frozen=True)
class Table:
    """What was read or written of one table. seal: of all its rows, in whatever order."""

    rows: int
    seal: int


def connect(url: str) -> None:
    """Open the database at an address, as `target`. Raises CannotCopy."""
    try:
        if not url.startswith(SCHEMES):
            raise ValueError("another kind of database")
        entry = databases.configured(env.read.db_url_config(url), pool=0)
    except (ImproperlyConfigured, KeyError, ValueError):
        raise CannotCopy("the address of the target is like postgres://user:password@host/name") from None
    if not entry["NAME"]:
        raise CannotCopy("the address of the target ends with the name of a database")
    here = connections.databases[SOURCE]
    if all(entry.get(key) == here.get(key) for key in ("ENGINE", "HOST", "PORT", "NAME")):
        raise CannotCopy("the target is the database in use")
    connections.databases[TARGET] = connections.configure_settings({SOURCE: here, TARGET: entry})[TARGET]
    try:
        with connections[TARGET].wrap_database_errors:
            connections[TARGET].connect()
    except (DatabaseError, InterfaceError) as error:
        raise CannotCopy(f"the target cannot be reached: {error}") from error


def disconnect() -> None:
    """Forget the target."""
    try:
        connections[TARGET].close()
        del connections[TARGET]
    except (AttributeError, ConnectionDoesNotExist):
        pass
    connections.databases.pop(TARGET, None)


def models() -> list[type[Model]]:
    """Every model with a table, those that others point to before them as far as that goes."""
    waiting = [each for each in apps.get_models(include_auto_created=True) if each._meta.managed]
    waiting = [each for each in waiting if not each._meta.proxy and not each._meta.swapped]
    found: list[type[Model]] = []
    while waiting:
        free = [each for each in waiting if not _points_to(each) & set(waiting) - {each}]
        free = free or waiting[:1]  # a circle, as of a package and its latest version; keys are checked at the end
        found += free
        waiting = [each for each in waiting if each not in free]
    return found


def count(source: str = SOURCE) -> int:
    """How many rows there are to copy."""
    return sum(each._base_manager.using(source).count() for each in models())


def require_up_to_date() -> None:
    """Goes on when the database in use has all tables of today. Raises CannotCopy."""
    if not _is_up_to_date(SOURCE):
        raise CannotCopy("the database in use is not up to date; run manage.py prepare first")


def require_ready() -> None:
    """Goes on when the source is up to date and the target has nothing of ours. Raises CannotCopy."""
    require_up_to_date()
    there = set(connections[TARGET].introspection.table_names())
    if there and "django_migrations" not in there:
        raise CannotCopy("the target holds tables of something else; name an empty database")
    for model in models():
        if model._meta.db_table in there and model._meta.label_lower not in MADE_BY_PREPARE and _has_rows(model):
            raise CannotCopy(f"the target is not empty: there are rows in {model._meta.db_table}")


def make_tables(url: str) -> None:
    """Give the target its tables, by the migrations, unless it has them. Raises CannotCopy.

    In a process of its own: a migration that moves data moves that of the database in use.
    """
    if _is_up_to_date(TARGET):
        return
    environ = {name: value for name, value in os.environ.items() if name != "DATABASE_URL_FILE"} | {"DATABASE_URL": url}
    for words in (["migrate", "--no-input"], ["createcachetable"]):
        command = [sys.executable, "manage.py", *words, "--verbosity=0"]
        done = subprocess.run(command, cwd=settings.BASE_DIR, env=environ, capture_output=True, text=True)
        if done.returncode:
            raise CannotCopy(f"the tables could not be made in the target: {done.stderr.strip()}")


def copy(
    tell: Callable[[str, int], None] = lambda table, rows: None, *, source: str = SOURCE, target: str = TARGET
) -> dict[str, Table]:
    """Copy every row into tables that are there, and compare; gives what was copied by table.

    tell: hears how many rows of which table were copied or compared. source, target: names of connections.
    While it runs, nobody writes into the source when that is SQLite, and PostgreSQL is read as of one moment.
    Raises CannotCopy, and then the target is as it was.
    """
    with transaction.atomic(using=source), transaction.atomic(using=target):
        if connections[source].vendor == "postgresql":
            with connections[source].cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        _empty(target)
        copied = {model: _copied(model, source, target, tell) for model in models()}
        numbering.carry(connections[source], connections[target], models())
        try:
            connections[target].check_constraints()
        except IntegrityError as error:
            raise CannotCopy(f"a row points to one that is not there: {error}") from error
        for model, table in copied.items():
            if _read_back(model, target, tell) != table:
                raise CannotCopy(f"{model._meta.db_table} is not the same in both; nothing was kept")
    if connections[target].vendor == "postgresql":
        with connections[target].cursor() as cursor:
            cursor.execute("ANALYZE")
    return {model._meta.db_table: table for model, table in copied.items()}


def _is_up_to_date(alias: str) -> bool:
    executor = MigrationExecutor(connections[alias])
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return not waiting and settings.CACHES["default"]["LOCATION"] in connections[alias].introspection.table_names()


def _points_to(model: type[Model]) -> set[type[Model]]:
    return {field.related_model for field in _fields(model) if field.is_relation}


def _fields(model: type[Model]) -> list[Field]:
    return [field for field in model._meta.local_concrete_fields if not field.generated]


def _has_rows(model: type[Model]) -> bool:
    return model._base_manager.using(TARGET).order_by().exists()


def _empty(target: str) -> None:
    # What `prepare` made: types of content, permissions, the id of its storage. The source has its own.
    quote = connections[target].ops.quote_name
    with connections[target].cursor() as cursor:
        for model in reversed(models()):
            cursor.execute(f"DELETE FROM {quote(model._meta.db_table)}")  # noqa: S608 - our own names # nosec B608


def _copied(model: type[Model], source: str, into: str, tell: Callable[[str, int], None]) -> Table:
    target, fields = connections[into], _fields(model)
    table = target.ops.quote_name(model._meta.db_table)
    columns = ", ".join(target.ops.quote_name(field.column) for field in fields)
    insert = f"INSERT INTO {table} ({columns}) VALUES ({', '.join(['%s'] * len(fields))})"  # noqa: S608 # nosec B608
    count = seal = 0
    with target.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - what a trigger on another table made of its rows # nosec B608
        for batch in _batches(_rows(model, source, fields)):
            try:
                values = [
                    [_stored(field, value, target) for field, value in zip(fields, row, strict=True)] for row in batch
                ]
                cursor.executemany(insert, values)
            except (DatabaseError, ValueError) as error:
                raise CannotCopy(f"a row of {model._meta.db_table} is not taken: {error}") from error
            count += len(batch)
            seal += sum(_seal(row) for row in batch)
            tell(model._meta.db_table, len(batch))
    return Table(count, seal)


def _read_back(model: type[Model], target: str, tell: Callable[[str, int], None]) -> Table:
    count = seal = 0
    for batch in _batches(_rows(model, target, _fields(model))):
        count += len(batch)
        seal += sum(_seal(row) for row in batch)
        tell(model._meta.db_table, len(batch))
    return Table(count, seal)


def _rows(model: type[Model], alias: str, fields: list[Field]) -> Iterator[tuple]:
    rows = model._base_manager.using(alias).order_by("pk").values_list(*(field.attname for field in fields))
    return rows.iterator(chunk_size=ROWS)


def _batches(rows: Iterator[tuple]) -> Iterator[list[tuple]]:
    batch: list[tuple] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += 100 + sum(len(value) for value in row if isinstance(value, (str, bytes, memoryview)))
        if size > BYTES or len(batch) == ROWS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _stored(field: Field, value: Any, target: Any) -> Any:
    if value is None and isinstance(field, JSONField) and not field.null:  # JSON's null, and not SQL's
        return field.get_db_prep_value(value, target)
    return field.get_db_prep_save(value, target)


def _seal(row: tuple) -> int:
    text = json.dumps([_plain(value) for value in row], sort_keys=True, default=str)
    return int.from_bytes(hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest(), "big")


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, memoryview)):
        return hashlib.blake2b(value).hexdigest()
    return value.timestamp() if isinstance(value, datetime) else value
