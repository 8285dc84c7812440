"""Rows of many mirrored versions: written in one go, put together before anybody has to wait for it."""

from __future__ import annotations

import orjson
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from packages.models import Mirror, MirrorAlert, MirrorVersion, UpstreamKeys
from packages.names import PackageName
from packages.upstream import batches, keeping, reading, registries, signing

pytestmark = pytest.mark.django_db
NAME = "left-pad"
INTEGRITY = "sha512-" + "A" * 86 + "=="


@pytest.fixture
def registry(settings):
    settings.UPSTREAM_URL = "https://upstream.example/"
    return registries.for_name(NAME)


def said(count: int, *, is_full: bool = True, **dist) -> reading.Read:
    """What upstream says of a package with so many versions."""
    versions = {
        f"1.0.{patch}": {
            "name": NAME,
            "version": f"1.0.{patch}",
            "dist": {"shasum": f"{patch:040x}", "tarball": f"https://upstream.example/{patch}.tgz"} | dist,
        }
        for patch in range(count)
    }
    document = {"name": NAME, "dist-tags": {"latest": "1.0.0"}, "versions": versions}
    if is_full:
        document["_id"] = NAME
        document["time"] = dict.fromkeys(["created", *versions], "2024-01-01T00:00:00.000Z")
    return reading.read(orjson.dumps(document), PackageName.parse(NAME), is_full=is_full)


def asked(call) -> int:
    with CaptureQueriesContext(connection) as queries:
        call()
    return len(queries)


def test_rows_are_what_saving_each_would_leave(registry):
    one, two = (Mirror.objects.create(name=name) for name in (NAME, "right-pad"))
    rows = [
        MirrorVersion(
            mirror=mirror, number="1.0.0", tarball="https://x.example/x.tgz", shasum="0" * 40,
            published_at=timezone.now(), signatures=[{"keyid": "k", "sig": "s"}],
        )
        for mirror in (one, two)
    ]  # fmt: skip
    rows[0].save()
    rows[1].seen_at = rows[0].seen_at
    rows[1].published_at = rows[0].published_at
    with transaction.atomic():
        batches.inserting(rows[1:]).write()
    different = ("id", "mirror_id")
    by_save, by_batch = (MirrorVersion.objects.filter(mirror=mirror).values().get() for mirror in (one, two))
    assert {key: value for key, value in by_batch.items() if key not in different} == {
        key: value for key, value in by_save.items() if key not in different
    }


def test_a_row_that_is_there_already_stays_as_it_is(registry):
    mirror = Mirror.objects.create(name=NAME)
    MirrorVersion.objects.create(mirror=mirror, number="1.0.0", tarball="first")
    fresh = [MirrorVersion(mirror=mirror, number=number, tarball="second") for number in ("1.0.0", "1.0.1")]
    with transaction.atomic():
        batches.inserting(fresh).write()
    assert dict(MirrorVersion.objects.values_list("number", "tarball")) == {"1.0.0": "first", "1.0.1": "second"}


def test_nothing_new_asks_the_database_nothing():
    assert asked(lambda: (batches.inserting([]).write(), batches.saving([], ["number"]).write())) == 0


def test_the_long_form_fills_in_what_the_short_one_did_not_say(registry):
    mirror = Mirror.objects.create(name=NAME)
    keeping.found(mirror, registry, said(3, is_full=False), "")
    assert set(MirrorVersion.objects.values_list("published_at", flat=True)) == {None}
    keeping.found(mirror, registry, said(4), "")
    rows = list(MirrorVersion.objects.order_by("number"))
    assert [row.number for row in rows] == ["1.0.0", "1.0.1", "1.0.2", "1.0.3"]
    assert {f"{row.published_at:%Y-%m-%d}" for row in rows} == {"2024-01-01"}


def test_the_queries_are_as_many_whatever_the_versions(registry):
    few, many = (Mirror.objects.create(name=NAME), said(2, is_full=False)), said(40, is_full=False)
    first = asked(lambda: keeping.found(few[0], registry, few[1], ""))
    MirrorVersion.objects.all().delete()
    again = asked(lambda: keeping.found(few[0], registry, many, ""))
    assert again <= first
    assert asked(lambda: keeping.found(few[0], registry, said(40), "")) <= first + 1


def wrong(registry) -> MirrorVersion:
    """A version with a signature that its key does not verify."""
    key = {"keyid": "SHA256:k", "expires": None, "key": "", "scheme": "", "keytype": ""}
    UpstreamKeys.objects.create(
        url=registry.url, keys=[key | {"expires": "2020-01-01T00:00:00+00:00"}], asked_at=timezone.now()
    )
    mirror = Mirror.objects.create(name=NAME)
    keeping.found(mirror, registry, said(2, integrity=INTEGRITY, signatures=[{"keyid": "SHA256:k", "sig": "AAAA"}]), "")
    return MirrorVersion.objects.select_related("mirror").get(number="1.0.0")


def test_a_signature_is_checked_without_the_packument(registry):
    row = wrong(registry)
    Mirror.objects.update(source=b"")
    row = MirrorVersion.objects.select_related("mirror").get(pk=row.pk)
    assert row.signatures == [{"keyid": "SHA256:k", "sig": "AAAA"}]
    assert signing.watch(row) == signing.WRONG
    assert MirrorAlert.objects.get().kind == MirrorAlert.Kind.SIGNATURE


def test_of_a_row_that_is_older_the_packument_says_it(registry):
    row = wrong(registry)
    MirrorVersion.objects.update(signatures=None)
    row.refresh_from_db()
    assert signing.watch(row) == signing.WRONG
    keeping.found(row.mirror, registry, said(3, integrity=INTEGRITY), "")
    assert MirrorVersion.objects.get(number="1.0.0").signatures is None, "thousands at once would take long"
    assert MirrorVersion.objects.get(number="1.0.2").signatures == []


def test_odd_signatures_are_kept_as_something_that_every_database_takes(registry):
    odd = [{"keyid": "k\x00", "sig": "\x02" * 900}, "x", {"keyid": 1, "sig": "x"}, {}]
    mirror = Mirror.objects.create(name=NAME)
    keeping.found(mirror, registry, said(1, signatures=odd), "")
    assert MirrorVersion.objects.get().signatures == [{"keyid": "k?", "sig": "?" * reading.MAX_SIGNATURE}]


@pytest.mark.parametrize("key", ["__proto__", "\\u005f_proto__", "__pr\\u006fto__"])
def test_a_forbidden_key_is_found_however_it_is_written(key):
    versions = {
        number: {"name": NAME, "version": number, "dist": {"shasum": "0" * 40, "tarball": "https://x.example/x.tgz"}}
        for number in ("1.0.0", "1.0.1")
    }
    versions["1.0.0"]["x"] = [{"FORBIDDEN": 1}]
    body = orjson.dumps({"_id": NAME, "name": NAME, "versions": versions}).decode().replace("FORBIDDEN", key)
    read = reading.read(body.encode(), PackageName.parse(NAME), is_full=True)
    assert list(read.versions) == ["1.0.1"]
    assert "__proto__" in read.dropped["1.0.0"]
