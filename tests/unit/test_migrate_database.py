"""A database is copied whole, with what comes next, or not at all."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from packages import stars
from packages.management import rows
from packages.models import Package, Star, Version
from tests.tools import prepared

pytestmark = pytest.mark.django_db(transaction=True)  # what is copied is what was committed


@pytest.fixture
def target(tmp_path):
    """A database of a registry without anything in it, and its address."""
    (tmp_path / "target").mkdir()
    prepared.copy_into(tmp_path / "target", {"PATH": os.environ["PATH"]})
    return tmp_path / "target" / "registry.sqlite3"


def run(target) -> str:
    told = StringIO()
    call_command("migrate_database", "--to", f"sqlite:///{target}", stdout=told)
    return told.getvalue()


def ask(target, query: str) -> list[tuple]:
    with closing(sqlite3.connect(target)) as database:
        return database.execute(query).fetchall()


def test_everything_is_there_and_the_same(target, acme, alice, publish):
    version = publish(alice, "@acme/ledger", "1.0.0", description="für Bücher", keywords=["a", "ü"])
    publish(alice, "@acme/ledger", "1.1.0")
    stars.set_star(alice, "@acme/ledger", True)
    assert "rows of" in run(target)
    assert ask(target, "SELECT name FROM packages_package") == [("@acme/ledger",)]
    kept = ask(target, "SELECT full, blob, published_at, unpublished_at FROM packages_version ORDER BY id")[0]
    assert kept[:2] == (version.full, version.blob)
    assert ask(target, "SELECT count(*) FROM packages_star") == [(Star.objects.count(),)]
    assert ask(target, "SELECT count(*) FROM accounts_user") == [(5,)]


def test_the_index_of_search_is_filled_on_the_way(target, uma, publish):
    publish(uma, "@uma/findable", access="public")
    run(target)
    assert ask(target, "SELECT count(*) FROM packages_words WHERE packages_words MATCH 'findable'") == [(1,)]


def test_numbers_that_were_given_are_not_given_again(target, uma, dave, publish):
    publish(uma, "@uma/x", access="public")
    stars.set_star(dave, "@uma/x", True)
    last = Star.objects.get().pk
    Star.objects.all().delete()
    run(target)
    assert ask(target, "SELECT seq FROM sqlite_sequence WHERE name = 'packages_star'") == [(last,)]


def test_a_target_that_holds_something_is_refused_and_stays_as_it_was(target, uma, publish):
    publish(uma, "@uma/x")
    run(target)
    Package.objects.update(description="changed since")
    before = ask(target, "SELECT * FROM packages_package")
    with pytest.raises(CommandError, match="not empty"):
        run(target)
    assert ask(target, "SELECT * FROM packages_package") == before


def test_a_database_of_something_else_is_refused(tmp_path, uma):
    with closing(sqlite3.connect(tmp_path / "other")) as database:
        database.execute("CREATE TABLE recipes (name text)")
    with pytest.raises(CommandError, match="something else"):
        run(tmp_path / "other")
    assert ask(tmp_path / "other", "SELECT name FROM sqlite_master") == [("recipes",)]


def test_what_breaks_off_leaves_nothing_and_can_be_started_again(target, uma, publish, monkeypatch):
    publish(uma, "@uma/x")
    real = rows._copied

    def broken(model, *more):
        if model is Version:
            raise rows.CannotCopy("the power went")
        return real(model, *more)

    monkeypatch.setattr(rows, "_copied", broken)
    with pytest.raises(CommandError, match="the power went"):
        run(target)
    assert ask(target, "SELECT count(*) FROM accounts_user") == [(0,)]
    monkeypatch.undo()
    run(target)
    assert ask(target, "SELECT count(*) FROM packages_version") == [(1,)]


def test_a_row_that_points_nowhere_is_found(target, uma, publish):
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL does not let such a row in")
    publish(uma, "@uma/x")
    with connection.constraint_checks_disabled(), connection.cursor() as cursor:
        cursor.execute("UPDATE packages_package SET latest_id = 4711")
    with pytest.raises(CommandError, match="not there"):
        run(target)
    assert ask(target, "SELECT count(*) FROM packages_package") == [(0,)]
    with connection.constraint_checks_disabled(), connection.cursor() as cursor:
        cursor.execute("UPDATE packages_package SET latest_id = NULL")


@pytest.mark.parametrize("url", ["nonsense", "mysql://root@db/name", "postgres://", "postgres://nobody@127.0.0.1:1/x"])
def test_an_address_that_leads_nowhere_is_told_in_one_sentence(url):
    with pytest.raises(CommandError, match="target"):
        call_command("migrate_database", "--to", url)


def test_without_an_address_it_says_what_it_needs(monkeypatch):
    monkeypatch.delenv("TARGET_DATABASE_URL", raising=False)
    with pytest.raises(CommandError, match="--to"):
        call_command("migrate_database")
