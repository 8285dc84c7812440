"""The ledger of used numbers: outside the database, written before a version is listed."""

from __future__ import annotations

import base64
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from allauth.mfa.models import Authenticator

from accounts.models import AuditEvent
from packages import blobs, ledger, relocation, staging, witness
from packages.ledger import Entry
from packages.models import UsedNumber, Version
from packages.sweeping import unnamed
from registry_site.errors import AlreadyPublished, Unavailable
from tests.tools import object_store


@pytest.fixture(params=["folder", "object store"])
def storage(request, settings, bucket, tmp_path):
    """A registry whose tarballs, and so its ledger, are in a folder or in an object store."""
    settings.STORAGE_URL = bucket.address() if request.param == "object store" else (tmp_path / "blobs").as_uri()
    return settings.STORAGE_URL


def test_every_published_number_is_in_it_with_its_bytes(storage, publish, uma):
    versions = [publish(uma, name, number) for name, number in (("@uma/x", "1.0.0"), ("y.z_a-b", "2.0.0-rc.1"))]
    assert set(ledger.entries()) == {Entry(each.package.name, each.number, each.integrity) for each in versions}


def test_it_is_no_tarball_that_somebody_could_sweep_or_move(storage, publish, uma):
    version = publish(uma, "@uma/x", "1.0.0")
    assert list(blobs.store().keys()) == [version.blob]
    assert not list(unnamed(older_than=-60))
    assert [each.key for each in relocation.named()] == [version.blob]


def test_what_only_waits_has_used_no_number(storage, stage, uma):
    staged = stage(uma, "@uma/x", "1.0.0")
    staging.reject(uma, staged.key)
    assert not list(ledger.entries())


def test_what_is_released_has(storage, stage, uma):
    staged = stage(uma, "@uma/x", "1.0.0")
    Authenticator.objects.create(user=uma.user, type=Authenticator.Type.TOTP, data={})
    uma.user.forget_two_factor()
    staging.approve(replace(uma, second_factor=True), staged.key)
    assert list(ledger.entries()) == [Entry("@uma/x", "1.0.0", staged.integrity)]


def test_a_ledger_that_cannot_be_written_lets_nothing_be_published(settings, tmp_path, publish, uma, blob_files):
    (tmp_path / "file").touch()
    settings.LEDGER_URL = (tmp_path / "file" / "ledger").as_uri()
    before = AuditEvent.objects.count()
    with pytest.raises(Unavailable):
        publish(uma, "@uma/x", "1.0.0")
    assert not Version.objects.exists()
    assert not blob_files()
    assert AuditEvent.objects.count() == before


def test_half_a_line_of_a_process_that_was_killed_hides_no_other(settings, tmp_path):
    settings.LEDGER_URL = (tmp_path / "ledger").as_uri()
    ledger.note("@uma/x", "1.0.0", "sha512-AAAA")
    (path,) = (tmp_path / "ledger").iterdir()
    with path.open("a") as file:
        file.write('\n["@uma/x", "1.0')
    ledger.note("@uma/x", "1.2.0", "sha512-BBBB")
    assert [entry.number for entry in ledger.entries()] == ["1.0.0", "1.2.0"]


def test_it_moves_with_the_storage_and_is_read_from_both_meanwhile(settings, bucket, tmp_path, publish, uma):
    settings.STORAGE_URL = old = (tmp_path / "old").as_uri()
    blobs.store.cache_clear()
    publish(uma, "@uma/x", "1.0.0")
    new = bucket.address()
    settings.STORAGE_URL, settings.STORAGE_FALLBACK_URL = new, old
    blobs.store.cache_clear()
    publish(uma, "@uma/x", "1.1.0")
    assert sorted(entry.number for entry in ledger.entries()) == ["1.0.0", "1.1.0"]
    places = [blobs.below(url, "ledger") for url in (old, new)]
    assert ledger.carry(*places) == 1
    assert ledger.carry(*places) == 0, "what is there is not added again"
    settings.STORAGE_FALLBACK_URL = ""
    assert sorted(entry.number for entry in ledger.entries()) == ["1.0.0", "1.1.0"]


@pytest.mark.parametrize("known", [True, False])
def test_a_number_of_a_time_that_the_database_forgot_takes_its_own_bytes_only(publish, stage, uma, known, blob_files):
    version = publish(uma, "@uma/x", "1.0.0-RC")
    Version.objects.all().delete()
    blobs.discard(version.blob)
    UsedNumber.objects.create(name="@uma/x", folded="1.0.0-rc", integrity=version.integrity if known else "")
    for bring in (publish, stage):
        with pytest.raises(AlreadyPublished):
            bring(uma, "@uma/x", "1.0.0-RC", description="other bytes")
    assert not Version.objects.exists()
    assert not blob_files()
    if known:
        assert publish(uma, "@uma/x", "1.0.0-RC").integrity == version.integrity


def test_what_is_no_entry_is_told_and_hides_none(bucket, settings, caplog):
    settings.LEDGER_URL = bucket.address("ledger")
    ledger.note("@uma/x", "1.0.0", f"sha512-{base64.b64encode(bytes(64)).decode()}")
    place = urlsplit(settings.LEDGER_URL).path.strip("/")
    for key in ("2026-01-01/x", "2026-01-01/a/b", "audit/strange"):
        bucket.client().put_object(Bucket=object_store.BUCKET, Key=f"{place}/{key}", Body=b"")
    assert [entry.number for entry in ledger.entries()] == ["1.0.0"]
    assert "is no entry of it" in caplog.text
    assert list(witness.heads()) == []
