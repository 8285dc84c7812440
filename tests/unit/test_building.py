"""The builder of packuments: from the parts that are kept it makes what it would make from nothing, for less."""

from __future__ import annotations

import gzip
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.actor import operator
from packages import conversion, packuments, quarantine, releases, returns, sharing, signatures
from packages.models import BASE_MARK, Document, DocumentPart, Package, Version
from packages.models.core import IN_DOCUMENTS
from packages.packuments import building, deflating, runs

NAME, BASE, OTHER = "@uma/x", "http://testserver/npm", "https://npm.example.com"


@pytest.fixture
def short_runs(monkeypatch):
    """Runs of three versions, so that a package of ten has some that are full."""
    monkeypatch.setattr(runs, "RUN", 3)


def clone(name: str, numbers: list[str]) -> None:
    """More versions like the first one, as rows."""
    model = Version.objects.filter(package__name=name).order_by("pk").first()
    fixed = {field.attname: getattr(model, field.attname) for field in Version._meta.concrete_fields}
    for drop in ("id", "stamp", "published_at"):
        del fixed[drop]
    rows = [
        Version(**fixed | {"number": number, "folded": number, "blob": f"none-{name}-{number}"}) for number in numbers
    ]
    for row in rows:
        row.full, row.abbreviated = (text.replace("1.0.0", row.number) for text in (model.full, model.abbreviated))
    Version.objects.bulk_create(rows)
    Package.objects.filter(name=name).update(revision=model.package.revision + 1)


@pytest.fixture
def package(short_runs, publish, uma) -> Package:
    """Eleven versions, in three full runs and one that is not, and documents for two addresses."""
    publish(uma, NAME, "1.0.0", access="public", description="moves money", files={"README.md": "# One\n"})
    clone(NAME, [f"1.0.{patch}" for patch in range(1, 11)])
    for base in (BASE, OTHER):
        build(base)
    return Package.objects.get()


def build(base: str = BASE) -> Document:
    return building.build(Package.objects.get(), base)


def expected(base: str) -> dict[str, dict]:
    """What the documents say, worked out from the rows in the plainest way."""
    package = Package.objects.select_related("scope__user", "latest").get()
    listed = list(package.versions.listed().order_by("published_at", "pk"))
    parts: dict[str, dict] = {"full": {}, "abbreviated": {}}
    for version in listed:
        for form, found in parts.items():
            found[version.number] = json.loads(getattr(version, form).replace(BASE_MARK, base))
            if version.deprecated:
                found[version.number]["deprecated"] = version.deprecated
    time = {"created": package.created_at, "modified": package.modified_at}
    time |= {version.number: version.published_at for version in listed}
    about = {
        "name": NAME,
        "dist-tags": dict(package.tags.values_list("name", "version__number")),
        "time": {word: f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z" for word, at in time.items()},
    }
    full = about | {"_id": NAME, "_rev": packuments.revision_of(package), "versions": parts["full"]}
    full["maintainers"] = packuments.maintainers(package)
    if package.latest:
        full |= (
            {"description": package.latest.manifest["description"]} if "description" in package.latest.manifest else {}
        )
        full |= {"readme": package.latest.readme, "readmeFilename": package.latest.readme_filename}
    return {
        "full": full,
        "abbreviated": about | {"modified": about["time"]["modified"], "versions": parts["abbreviated"]},
    }


def values(document: Document) -> dict:
    return {field.name: getattr(document, field.name) for field in Document._meta.concrete_fields if field.name != "id"}


CHANGES = {
    "publish": lambda publish, uma: publish(uma, NAME, "2.0.0", description="moves more", files={"README.md": "# Two"}),
    "fill the last run": lambda publish, uma: [publish(uma, NAME, f"2.0.{patch}") for patch in range(4)],
    "deprecate": lambda publish, uma: releases.deprecate(uma, NAME, {"1.0.1": 'say "no" \u2603', "1.0.10": "old"}),
    "take a warning back": lambda publish, uma: [releases.deprecate(uma, NAME, {"1.0.4": text}) for text in ("no", "")],
    "deprecate all": lambda publish, uma: releases.deprecate_range(uma, NAME, "*", "use another"),
    "tag": lambda publish, uma: releases.set_tag(uma, NAME, "beta", "1.0.5"),
    "move latest": lambda publish, uma: releases.set_tag(uma, NAME, "latest", "1.0.2"),
    "unpublish one": lambda publish, uma: unpublish(uma, "1.0.4"),
    "unpublish a run": lambda publish, uma: unpublish(uma, "1.0.0", "1.0.1", "1.0.2"),
    "unpublish the last": lambda publish, uma: unpublish(uma, "1.0.10", "1.0.9"),
    "restore": lambda publish, uma: [unpublish(uma, "1.0.4", "1.0.5"), returns.restore_version(uma, NAME, "1.0.5")],
    "unpublish and return": lambda publish, uma: [
        releases.unpublish(uma, NAME, packuments.revision_of(Package.objects.get())),
        returns.restore(uma, NAME),
    ],
    "quarantine": lambda publish, uma: quarantine.hold(operator(), NAME, "1.0.7", "stolen"),
    "lift a quarantine": lambda publish, uma: [
        quarantine.hold(operator(), NAME, "1.0.7", "stolen"),
        quarantine.lift(operator(), NAME, "1.0.7"),
    ],
    "sign anew": lambda publish, uma: [
        signatures.rotate(operator()),
        *signatures.sign_listed(operator(), everything=True),
    ],
    "grant": lambda publish, uma: sharing.grant_person(uma, NAME, "hugo", "read-write"),
    "make it private": lambda publish, uma: sharing.set_access(uma, NAME, "restricted"),
    "become an org": lambda publish, uma: conversion.become_org(uma, "uma-herself"),
}


def unpublish(actor, *numbers: str) -> None:
    package = Package.objects.get()
    listed = package.versions.listed().values_list("number", flat=True)
    releases.unpublish_versions(actor, NAME, frozenset(listed) - set(numbers), packuments.revision_of(package))


@pytest.mark.parametrize("change", CHANGES)
def test_after_any_change_the_document_is_the_one_that_is_built_from_nothing(package, publish, uma, hugo, change):
    before = build()
    CHANGES[change](publish, uma)
    assert Package.objects.get().revision > before.revision
    for base in (BASE, OTHER):
        from_parts = build(base)
        said = expected(base)
        for form in ("full", "abbreviated"):
            assert json.loads(gzip.decompress(getattr(from_parts, f"{form}_gzip"))) == said[form]
        assert list(json.loads(gzip.decompress(from_parts.full_gzip))["versions"]) == list(said["full"]["versions"])
        Document.objects.filter(base=base).delete()
        assert values(build(base)) == values(from_parts)
    assert build().full_etag != before.full_etag


def test_a_package_without_listed_versions_has_a_document_too(package, uma):
    releases.unpublish(uma, NAME, packuments.revision_of(package))
    assert json.loads(gzip.decompress(build().full_gzip))["versions"] == {}


def test_two_builds_of_the_same_rows_are_the_same_bytes(package):
    first = build()
    Document.objects.all().delete()
    assert values(build()) == values(first)


def test_versions_are_in_the_order_of_their_publication(package):
    Version.objects.filter(number="1.0.9").update(published_at=timezone.now() - timedelta(days=9))
    Package.objects.update(revision=package.revision + 1)
    from_parts = build()
    assert next(iter(json.loads(gzip.decompress(from_parts.full_gzip))["versions"])) == "1.0.9"
    Document.objects.all().delete()
    assert values(build()) == values(from_parts)


# --- what is kept counts only while nothing it was made from changed ------------------------------------------------


def test_the_builder_reads_nothing_of_a_version_that_does_not_stamp_it():
    assert set(runs._SHOWN) - {"pk", "stamp"} <= IN_DOCUMENTS


WRITES = {
    "save": lambda version: version.save(),
    "save some": lambda version: version.save(update_fields=["deprecated"]),
    "update": lambda version: Version.objects.filter(pk=version.pk).update(deprecated=version.deprecated),
    "update of a package": lambda version: version.package.versions.listed().update(deprecated="x"),
    "bulk update": lambda version: Version.objects.bulk_update([version], ["deprecated"]),
    "update or create": lambda version: Version.objects.update_or_create(
        pk=version.pk, defaults={"deprecated": version.deprecated}
    ),
}


@pytest.mark.parametrize("write", WRITES)
def test_every_way_to_write_a_version_shows(package, write):
    version = Version.objects.get(number="1.0.1")
    version.deprecated = "changed"
    WRITES[write](version)
    assert Version.objects.get(number="1.0.1").stamp != version.stamp or "save" in write
    Package.objects.update(revision=package.revision + 1)
    assert b'"deprecated":' in gzip.decompress(build().full_gzip)


@pytest.mark.parametrize("column", sorted(IN_DOCUMENTS - {"package"}))
def test_whatever_a_document_shows_of_a_version_stamps_it(package, column):
    version = Version.objects.get(number="1.0.1")
    Version.objects.filter(pk=version.pk).update(**{column: getattr(version, column)})
    stamped = Version.objects.get(pk=version.pk).stamp
    assert stamped != version.stamp
    version.save(update_fields=["package" if column == "package_id" else column])
    assert Version.objects.get(pk=version.pk).stamp not in (stamped, None)


def test_what_documents_do_not_show_leaves_the_stamp_alone(package):
    version = Version.objects.get(number="1.0.1")
    Version.objects.filter(pk=version.pk).update(readme="other", tags_were={"a": ""})
    version.save(update_fields=["erased_at"])
    assert Version.objects.get(pk=version.pk).stamp == version.stamp


# --- what it costs ----------------------------------------------------------------------------------------------------


def asked(call) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        call()
    return [query["sql"] for query in queries]


@pytest.mark.parametrize("change", ["publish", "deprecate", "tag", "unpublish one", "quarantine"])
def test_a_change_costs_as_many_queries_in_a_long_package_as_in_a_short_one(package, publish, uma, hugo, change):
    def costs() -> tuple[int, int]:
        changed = len(asked(lambda: CHANGES[change](publish, uma)))
        return changed, len(asked(build))

    def undo() -> None:
        Version.objects.filter(number="2.0.0").update(number="9.9.9", folded="9.9.9")
        Version.objects.update(deprecated="", quarantined_at=None, unpublished_at=None)
        package.tags.exclude(name="latest").delete()
        Package.objects.update(revision=package.revision + 10)
        build()

    building.build(package, BASE)
    short = costs()
    undo()
    clone(NAME, [f"1.1.{patch}" for patch in range(60)])
    build()
    long = costs()
    assert long[0] == short[0]
    assert long[1] <= short[1] + 1, "the last run may be full, and is kept then"


def test_texts_of_versions_that_did_not_change_are_not_read_again(package, publish, uma):
    clone(NAME, [f"1.1.{patch}" for patch in range(61)])  # 72 versions: 24 full runs
    build()
    read = []

    def watch(execute, sql, params, many, context):
        if sql.startswith("SELECT") and '"packages_version"."abbreviated"' in sql and " IN " in sql:
            read.append(len(params))
        return execute(sql, params, many, context)

    publish(uma, NAME, "2.0.0")
    with connection.execute_wrapper(watch):
        build()
    assert read == [1]
    releases.deprecate(uma, NAME, {"1.0.1": "old"})
    with connection.execute_wrapper(watch):
        build()
    assert read[1:] == [4], "its own run, and the last one"


def test_parts_are_kept_of_full_runs_only_and_go_with_their_document(package, npm, settings):
    assert sorted(DocumentPart.objects.filter(document__base=BASE).values_list("place", flat=True)) == [0, 1, 2]
    settings.ALLOWED_HOSTS = ["*"]
    for number in range(9):
        assert npm.get(NAME, host=f"h{number}.example").status_code == 200
    assert Document.objects.count() == building.MOST_ADDRESSES
    assert DocumentPart.objects.count() == 3 * building.MOST_ADDRESSES


# --- whoever changes a package builds its documents -----------------------------------------------------------------


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    """Do something, and what waits for its commit."""

    def run(change) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            change()

    return run


def test_the_next_reader_finds_the_document_built(package, publish, uma, npm, committed):
    committed(lambda: publish(uma, NAME, "2.0.0"))
    now = Package.objects.get().revision
    assert set(Document.objects.values_list("base", "revision")) == {(BASE, now), (OTHER, now)}
    written = [sql for sql in asked(lambda: npm.get(NAME)) if not sql.startswith("SELECT")]
    assert not written
    assert "2.0.0" in npm.get(NAME).json()["versions"]


def test_what_nobody_read_is_not_built(short_runs, publish, uma, committed):
    committed(lambda: publish(uma, NAME, "1.0.0"))
    assert not Document.objects.exists()


def test_of_many_addresses_a_few_are_built_ahead(package, publish, uma, committed):
    for number in range(4):
        build(f"https://h{number}.example")
    committed(lambda: publish(uma, NAME, "2.0.0"))
    assert Document.objects.filter(revision=Package.objects.get().revision).count() == building.AHEAD


def test_a_publish_stands_when_its_document_cannot_be_built(package, publish, uma, npm, committed):
    def broken(execute, sql, params, many, context):
        if re.match(r'(INSERT INTO|UPDATE) "packages_document', sql):
            raise DatabaseError("the disk is full")
        return execute(sql, params, many, context)

    old = npm.get(NAME)
    with connection.execute_wrapper(broken):
        committed(lambda: publish(uma, NAME, "2.0.0"))
    assert Document.objects.get(base=BASE).revision < Package.objects.get().revision
    new = npm.get(NAME, if_none_match=old["ETag"])
    assert new.status_code == 200
    assert "2.0.0" in new.json()["versions"]


@pytest.mark.django_db(transaction=True)
def test_of_many_readers_at_once_one_builds(short_runs, publish, uma):
    publish(uma, NAME, "1.0.0", access="public")
    clone(NAME, [f"1.0.{patch}" for patch in range(1, 11)])
    package, inserts = Package.objects.get(), []

    def watch(execute, sql, params, many, context):
        if sql.startswith('INSERT INTO "packages_document" '):
            inserts.append(sql)
        return execute(sql, params, many, context)

    def reader(_) -> str:
        try:
            with connection.execute_wrapper(watch):
                return building.build(package, BASE).full_etag
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(reader, range(16)))) == 1
    assert len(inserts) == 1


# --- what clients get -------------------------------------------------------------------------------------------------


def test_a_large_document_is_unpacked_while_it_is_sent(package, npm, monkeypatch):
    monkeypatch.setattr(deflating, "LARGE", 100)
    plain, packed = npm.get(NAME), npm.get(NAME, accept_encoding="gzip")
    assert plain.streaming
    assert b"".join(plain.streaming_content) == gzip.decompress(packed.content)
    assert npm.get(NAME, if_none_match=plain["ETag"]).status_code == 304


@pytest.mark.parametrize("accept", ["application/json", "application/vnd.npm.install-v1+json"])
def test_who_takes_no_gzip_gets_the_same_text(package, npm, accept):
    plain, packed = npm.get(NAME, accept=accept), npm.get(NAME, accept=accept, accept_encoding="gzip")
    assert gzip.decompress(packed.content) == b"".join(deflating.plain(packed.content)) == plain.content
    form = "full" if accept == "application/json" else "abbreviated"
    assert getattr(Document.objects.get(base=BASE), f"{form}_size") == len(plain.content)
