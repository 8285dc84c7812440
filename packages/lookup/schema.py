"""How the index comes to be in the database, beside the table of packages.

SQLite has two FTS5 tables, of words and of parts of names, which triggers keep current: whoever changes a row changes
them, in the same transaction. PostgreSQL has two columns that it makes of the others itself; no extension is needed,
and so no rights for one. Both hold the same: the words of name, description and keywords, a name also without its
hyphens (`date-picker` is found by `datepick`), and the groups of three letters in a name.
"""

# ruff: noqa: S608 - only names of our own are put into statements

from __future__ import annotations

import sqlite3

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from packages.models import Package

WORDS, PARTS = "packages_words", "packages_parts"
_TABLE = Package._meta.db_table
_MOST = 5_000  # letters of a description, and of all keywords: beyond there are no names of things
_ASCII = "".join(chr(code) for code in range(33, 127) if not chr(code).isalnum())

_BARE = "replace(replace(replace(replace({row}.name, '-', ''), '.', ''), '_', ''), '/', ' ')"
_SAID = (
    f"{{row}}.name || ' ' || {_BARE}, substr({{row}}.description, 1, {_MOST}), "  # nosec B608
    f"substr((SELECT group_concat(value, ' ') FROM json_each({{row}}.keywords)), 1, {_MOST})"
)
_SQLITE = {
    WORDS: f"""CREATE VIRTUAL TABLE {WORDS} USING fts5(
        name, description, keywords, tokenize='unicode61 remove_diacritics 0', prefix='1 2 3', columnsize=0)""",
    PARTS: f"CREATE VIRTUAL TABLE {PARTS} USING fts5(name, tokenize='trigram', detail='none', columnsize=0)",
    "packages_indexed": f"""CREATE TRIGGER packages_indexed AFTER INSERT ON {_TABLE} BEGIN
        INSERT INTO {WORDS} (rowid, name, description, keywords) SELECT NEW.id, {_SAID.format(row="NEW")};
        INSERT INTO {PARTS} (rowid, name) VALUES (NEW.id, lower(NEW.name)); END""",  # nosec B608
    "packages_reindexed": f"""CREATE TRIGGER packages_reindexed AFTER UPDATE OF name, description, keywords ON {_TABLE}
        WHEN (OLD.name, OLD.description, OLD.keywords) IS NOT (NEW.name, NEW.description, NEW.keywords) BEGIN
        UPDATE {WORDS} SET (name, description, keywords) = (SELECT {_SAID.format(row="NEW")}) WHERE rowid = NEW.id;
        UPDATE {PARTS} SET name = lower(NEW.name) WHERE rowid = NEW.id; END""",  # nosec B608
    "packages_unindexed": f"""CREATE TRIGGER packages_unindexed AFTER DELETE ON {_TABLE} BEGIN
        DELETE FROM {WORDS} WHERE rowid = OLD.id; DELETE FROM {PARTS} WHERE rowid = OLD.id; END""",  # nosec B608
}
_FILL = (
    f"INSERT INTO {WORDS} (rowid, name, description, keywords) SELECT p.id, {_SAID.format(row='p')} FROM {_TABLE} AS p",  # nosec B608
    f"INSERT INTO {PARTS} (rowid, name) SELECT p.id, lower(p.name) FROM {_TABLE} AS p",  # nosec B608
)
_POSTGRESQL = (
    # What a text is made of is said here, and not left to the parser, which takes acme/date-picker.js for a host.
    f"""CREATE OR REPLACE FUNCTION {WORDS}(name text, description text, keywords jsonb) RETURNS tsvector
        LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT to_tsvector('simple'::regconfig, translate(
        name || ' ' || translate(name, '-._', '') || ' ' || left(description, {_MOST}) || ' '
        || left(keywords::text, {_MOST}), '{_ASCII.replace("'", "''")}', repeat(' ', {len(_ASCII)}))) $$""",
    f"""CREATE OR REPLACE FUNCTION {PARTS}(name text) RETURNS tsvector
        LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT array_to_tsvector(array_agg(part)) FROM (
        SELECT substr(lower(name), at, 3) AS part FROM generate_series(1, greatest(length(name) - 2, 1)) AS at
        UNION SELECT '^' || left(word, size) FROM regexp_split_to_table(lower(name), '[^[:alnum:]]+') AS word,
        generate_series(1, 2) AS size WHERE word <> '') AS parts $$""",  # nosec B608
    # Columns, because where an index is asked beside other conditions each row it gives is compared once more.
    f"""ALTER TABLE {_TABLE}
        ADD COLUMN words tsvector GENERATED ALWAYS AS ({WORDS}(name, description, keywords)) STORED,
        ADD COLUMN parts tsvector GENERATED ALWAYS AS ({PARTS}(name)) STORED""",
    f"CREATE INDEX {WORDS}_index ON {_TABLE} USING gin (words)",
    f"CREATE INDEX {PARTS}_index ON {_TABLE} USING gin (parts)",
)


def require_engine(vendor: str) -> None:
    """Goes on when the database can search texts. Raises ImproperlyConfigured, saying what to install.

    vendor: as Django calls it. Asked at the start: some builds of Python come with an SQLite without full text.
    """
    if vendor != "sqlite":
        return
    memory = sqlite3.connect(":memory:")
    try:
        memory.execute(_SQLITE[PARTS])
    except sqlite3.OperationalError:
        raise ImproperlyConfigured(
            f"search needs SQLite 3.34 or newer with FTS5, and this Python comes with {sqlite3.sqlite_version}; "
            "use another Python, or PostgreSQL with DATABASE_URL"
        ) from None
    finally:
        memory.close()


def install(connection: BaseDatabaseWrapper) -> None:
    """Make the index, filled from the packages that are there; where all of it is there, nothing happens."""
    if connection.vendor == "sqlite" and _of_sqlite(connection) == _SQLITE:
        return
    with transaction.atomic(connection.alias), connection.cursor() as cursor:
        remove(connection)
        for statement in _POSTGRESQL if connection.vendor == "postgresql" else (*_SQLITE.values(), *_FILL):
            cursor.execute(statement)


def mend(connection: BaseDatabaseWrapper) -> None:
    """Make it again where something of it is gone: a migration that makes SQLite's table of packages anew takes the
    triggers with it. Asked after each migration; before there is an index, nothing happens.
    """
    if connection.vendor == "sqlite" and _of_sqlite(connection):
        install(connection)


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take the index away, for a migration back."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"ALTER TABLE {_TABLE} DROP COLUMN IF EXISTS words, DROP COLUMN IF EXISTS parts")
            cursor.execute(f"DROP FUNCTION IF EXISTS {WORDS}, {PARTS}")
            return
        for name in reversed(_SQLITE):
            cursor.execute(f"DROP {'TABLE' if name in (WORDS, PARTS) else 'TRIGGER'} IF EXISTS {name}")


def _of_sqlite(connection: BaseDatabaseWrapper) -> dict[str, str]:
    marks = ", ".join(["%s"] * len(_SQLITE))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT name, sql FROM sqlite_master WHERE name IN ({marks})", list(_SQLITE))  # nosec B608
        return dict(cursor.fetchall())
