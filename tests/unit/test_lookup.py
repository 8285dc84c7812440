"""The index that search reads: what it finds, that nobody has to keep it current, and that it is used."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.actor import NOBODY
from packages import access, counting, popularity, search, sharing, suggestions
from packages.lookup import matching, schema
from packages.models import DownloadCount, Package, Version
from packages.queries import Filters
from tests.tools import plans

pytestmark = pytest.mark.django_db


def shelve(name: str, description: str = "", keywords: list[str] | None = None, **more) -> Package:
    """A public package without scope, as a row alone."""
    more = {"access": "public", "description": description, "keywords": keywords or []} | more
    return Package.objects.create(name=name, **more)


def names(text: str, **more) -> list[str]:
    return [each.name for each in search.search(NOBODY, text, **more)]


@pytest.fixture
def shelf():
    """Mirrored packages, which need no holder for their scopes."""
    shelve("@acme/date-picker", "Choose a day", ["calendar", "två ord"], mirrored=True)
    shelve("lodash.merge", "Deep merge, and no mutation", ["util"], mirrored=True)
    shelve("JSONStream", "rawStream.pipe(JSONStream.parse())", mirrored=True)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("acme", ["@acme/date-picker"]),
        ("date", ["@acme/date-picker"]),
        ("picker", ["@acme/date-picker"]),
        ("datepick", ["@acme/date-picker"]),
        ("date-picker", ["@acme/date-picker"]),
        ("@acme/da", ["@acme/date-picker"]),
        ("@acme/", ["@acme/date-picker"]),
        ("date picker", ["@acme/date-picker"]),
        ("te-pi", ["@acme/date-picker"]),
        ("ickE", ["@acme/date-picker"]),
        ("p", ["@acme/date-picker"]),
        ("da", ["@acme/date-picker"]),
        ("calen", ["@acme/date-picker"]),
        ("två", ["@acme/date-picker"]),
        ("alendar", []),  # a part of a word is found in names alone
        ("ch", []),  # and so is what is shorter than three letters
        ("dash.m", ["lodash.merge"]),
        ("lodashmerge", ["lodash.merge"]),
        ("the merge of", ["lodash.merge"]),  # words that every text has are not asked for
        ("the", []),
        ("jsonstream", ["JSONStream"]),
        ("keywords:calendar", ["@acme/date-picker"]),
        ("keywords:calen", []),
        ("keywords:ord", []),
        ('"', []),
        ("'", []),
        ("***", []),
        ("date*", ["@acme/date-picker"]),
        ('date" OR "merge', []),
        ("NEAR(date picker)", []),
        ("date & merge", []),
        ("a\\", ["@acme/date-picker"]),
        ("x'y\\z", []),
    ],
)
def test_what_a_word_is_about(shelf, text, found):
    assert names(text) == found


def test_the_best_come_first_and_what_is_alike_by_downloads_and_change():
    old = timezone.now() - timedelta(days=400)
    shelve("other", "knows ledger too", popularity=900)
    shelve("my-ledger", popularity=900)
    shelve("ledger-b", modified_at=old)
    shelve("ledger-a")
    shelve("ledger-c", popularity=5)
    shelve("ledger", modified_at=old)
    shelve("@x/ledger", mirrored=True, popularity=900)
    assert names("ledger") == ["ledger", "@x/ledger", "ledger-c", "ledger-a", "ledger-b", "my-ledger", "other"]
    assert names("ledger", sort="downloads")[:3] == ["@x/ledger", "my-ledger", "other"]


def test_whoever_changes_a_row_changes_the_index_with_it(shelf):
    package = Package.objects.get(name="lodash.merge")
    Package.objects.filter(pk=package.pk).update(description="Joins trees")
    assert (names("trees"), names("mutation")) == (["lodash.merge"], [])
    package.keywords = ["grafting"]
    Package.objects.bulk_update([package], ["keywords"])
    assert (names("grafting"), names("util")) == (["lodash.merge"], [])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE packages_package SET name = 'tree-joiner' WHERE id = %s", [package.pk])
    assert (names("joiner"), names("odas")) == (["tree-joiner"], [])
    Package.objects.bulk_create([Package(name="fresh-one", access="public")])
    assert names("fresh") == ["fresh-one"]
    Package.objects.filter(name="fresh-one").delete()
    assert names("fresh") == []


def test_a_change_that_is_taken_back_was_never_indexed(shelf):
    before = transaction.savepoint()
    shelve("never-there", "unheard-of")
    Package.objects.filter(name="lodash.merge").update(description="unheard-of")
    assert len(names("unheard-of")) == 2
    transaction.savepoint_rollback(before)
    assert (names("unheard-of"), names("never")) == ([], [])
    assert names("mutation") == ["lodash.merge"]


def test_the_index_is_filled_from_what_is_there(shelf):
    connection.check_constraints()  # PostgreSQL alters no table that still has something to check
    schema.remove(connection)
    shelve("came-meanwhile")
    connection.check_constraints()
    schema.install(connection)
    assert names("meanwhile") == ["came-meanwhile"]
    assert names("datepick") == ["@acme/date-picker"]


@pytest.mark.skipif("connection.vendor != 'sqlite'")
def test_a_migration_that_takes_the_triggers_away_is_followed_by_new_ones(shelf):
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER packages_indexed")
    shelve("came-meanwhile")
    assert names("meanwhile") == []
    schema.mend(connection)
    assert names("meanwhile") == ["came-meanwhile"]
    with CaptureQueriesContext(connection) as asked:
        schema.mend(connection)
    assert not any("DROP" in each["sql"] for each in asked)


def test_very_long_descriptions_are_indexed_in_part():
    shelve("endless", "beginning " + "x" * 3_000 + " word" * 200_000 + " ending", ["k" * 3_000])
    assert names("beginning") == ["endless"]
    assert names("ending") == []


def test_an_sqlite_without_full_text_is_said_at_the_start(monkeypatch):
    class Poor:
        def execute(self, statement):
            raise sqlite3.OperationalError("no such module: fts5")

        def close(self):
            pass

    schema.require_engine("sqlite")
    monkeypatch.setattr(sqlite3, "connect", lambda path: Poor())
    schema.require_engine("postgresql")
    with pytest.raises(ImproperlyConfigured, match="FTS5"):
        schema.require_engine("sqlite")


# --- of very many ------------------------------------------------------------------------------------------------


@pytest.fixture
def many():
    rows = [Package(name=f"gadget-{n:04}", access="public", license="MIT" if n % 2 else "ISC") for n in range(1_005)]
    Package.objects.bulk_create(rows)


def test_more_than_a_thousand_are_neither_counted_nor_put_in_order(client, npm, many):
    found = search.search(NOBODY, "gadget")
    assert (len(found), found.more) == (search.MOST, True)
    page = client.get("/search?q=gadget", headers={"accept": "text/html"})
    assert "1,000+ packages" in page.content.decode()
    assert [(each.label, each.count, each.is_more) for each in page.context["facets"].levels][0] == ("All", 1000, True)
    chosen = client.get("/search?q=gadget&license=MIT", headers={"accept": "text/html"})
    assert "502 packages" in chosen.content.decode()
    licences = next(each for each in chosen.context["facets"].more if each.name == "license").choices
    assert [(each.value, each.count, each.is_more) for each in licences if each.chosen] == [("MIT", 502, False)]
    assert client.get("/search?q=gadget&page=999", headers={"accept": "text/html"}).context["page"].number == 50
    answer = npm.get("-/v1/search?text=gadget&from=1003&size=20").json()
    assert (len(answer["objects"]), answer["total"]) == (2, 1005)
    assert npm.get("-/v1/search?text=gadget").json()["total"] == 1000


def test_an_actor_gets_a_page_of_results_in_as_many_queries_whatever_there_is(uma, many, publish):
    publish(uma, "@uma/gadget")
    for actor in (NOBODY, uma):
        with CaptureQueriesContext(connection) as asked:
            assert len(search.search(actor, "gadget")[:20]) == 20
        assert len(asked) == 2


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("date", {}),
        ("date picker", {"sort": "downloads"}),
        ("d", {}),
        ("keywords:calendar", {}),
        ("date", {"filters": Filters(access="restricted")}),
        ("scope:acme", {}),
        ("maintainer:bob", {}),
        ("", {}),
        ("", {"sort": "downloads"}),
        ("", {"sort": "recent"}),
        ("", {"sort": "name"}),
    ],
)
def test_no_search_reads_all_packages(acme, bob, text, more):
    for actor in (NOBODY, bob):
        asked = plans.of(lambda actor=actor: search.search(actor, text, **more)[:20])
        scanned = plans.scanned(asked)
        assert "packages_package" not in scanned, scanned.get("packages_package")


def test_lists_without_a_word_are_walked_in_their_order(bob):
    for sort, index in (
        ("relevance", "packages_ours_first"),
        ("downloads", "packages_by_popularity"),
        ("recent", "packages_by_change"),
    ):
        (asked,) = plans.of(lambda sort=sort: search.search(bob, "", sort=sort))
        assert index in str(asked)
        assert not asked.sorts


def test_nearest_names_and_suggestions_read_no_more_than_resembles(acme, bob):
    shelve("date-picker")
    assert suggestions.nearest(bob, "datepiker") == ["date-picker"]
    # Of very few packages all are read, rightly.
    Package.objects.bulk_create(Package(name=f"gadget-{number}", access="public") for number in range(3000))
    plans.counted(Package)
    for ask in (suggestions.nearest, suggestions.while_typing):
        for text in ("datepiker", "dat", "d", "data-picker-of-many-words"):
            scanned = plans.scanned(plans.of(lambda ask=ask, text=text: ask(bob, text)))
            assert "packages_package" not in scanned, scanned.get("packages_package")


@pytest.mark.parametrize(
    "word", ["a", "ab", "'", '"', '"-', '"x', 'a"', '"x"', "*", "(", "\\", "%", "_", "^da", "é", "x" * 100]
)
def test_nearest_names_of_odd_words_are_none(shelf, word):
    assert list(matching.near(access.seen_by(NOBODY), word)) == [] or word in ("a", 'a"', "^da")


# --- who may see it ----------------------------------------------------------------------------------------------


def test_what_is_hidden_is_nowhere_in_what_is_found(publish, uma, hugo, dave):
    publish(uma, "@uma/ledger-secret", description="quiet", keywords=["hush"])
    for text in ("ledger", "quiet", "keywords:hush", "@uma", "", "s", "license:isc"):
        assert search.search(dave, text).keys == []
        assert search.search(NOBODY, text).keys == []
        assert suggestions.while_typing(dave, text) == []
    assert suggestions.nearest(dave, "ledger-secre") == []
    assert [each.name for each in search.search(uma, "quiet")] == ["@uma/ledger-secret"]
    sharing.grant_person(uma, "@uma/ledger-secret", "hugo", "read")
    assert [each.name for each in search.search(hugo, "quiet")] == ["@uma/ledger-secret"]
    sharing.revoke_person(uma, "@uma/ledger-secret", "hugo")
    assert search.search(hugo, "quiet").keys == []


# --- downloads on the row ----------------------------------------------------------------------------------------


def test_downloads_that_are_written_are_on_the_row_at_once(publish, uma):
    publish(uma, "@uma/ledger", access="public")
    package, version = Package.objects.get(), Version.objects.get()
    for _ in range(3):
        counting.add(version)
    counting.tally.write()
    counting.add(version)
    counting.tally.write()
    assert Package.objects.get().popularity == 4
    assert Package.objects.get().revision == package.revision


def test_once_a_day_the_week_is_counted_again(publish, uma):
    today = timezone.now().date()
    for name in ("@uma/rising", "@uma/falling", "@uma/steady"):
        publish(uma, name, access="public")
    for name, ago, count in (("@uma/rising", 6, 5), ("@uma/falling", 7, 9), ("@uma/steady", 0, 2)):
        version = Version.objects.get(package__name=name)
        day = today - timedelta(days=ago)
        DownloadCount.objects.create(package=version.package, version=version, day=day, count=count)
    Package.objects.filter(name="@uma/falling").update(popularity=9)
    Package.objects.filter(name="@uma/steady").update(popularity=F("popularity") + 2)
    popularity.count_again()
    counts = dict(Package.objects.values_list("name", "popularity"))
    assert counts == {"@uma/rising": 5, "@uma/falling": 0, "@uma/steady": 2}
