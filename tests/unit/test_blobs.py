"""Tarball bytes: written once, read whole or not at all, swept only when nothing names them; in every kind of store."""

from __future__ import annotations

import hashlib
import os
import tarfile
import time
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from packages import blobs
from packages.blobs import s3
from packages.blobs.store import new_key
from packages.models import Package, Version
from packages.sweeping import unnamed
from registry_site.errors import Unavailable
from tests.conftest import login_token
from tests.tools import object_store, payloads


@pytest.fixture(params=["folder", "object store", "both"])
def _every_store(request, settings, folder, bucket):
    settings.STORAGE_URL = folder.as_uri() if request.param == "folder" else bucket.address()
    settings.STORAGE_FALLBACK_URL = folder.as_uri() if request.param == "both" else ""


@pytest.fixture
def in_bucket(settings, bucket):
    settings.STORAGE_URL = bucket.address()
    return bucket


every_store = pytest.mark.usefixtures("_every_store")


def kept(tmp_path: Path, data: bytes = b"bytes") -> str:
    source = tmp_path / "upload"
    source.write_bytes(data)
    key = blobs.keep(hashlib.sha512(data).digest(), source)
    assert not source.exists()
    return key


def made_older(key: str, seconds: float) -> None:
    moment = time.time() - seconds
    os.utime(blobs.store().root / key, (moment, moment))


# --- what every store does -----------------------------------------------------------------------------------------


@every_store
def test_a_key_is_the_digest_and_a_part_of_its_own(tmp_path):
    one, two = kept(tmp_path), kept(tmp_path)
    digest = hashlib.sha512(b"bytes").hexdigest()
    assert one != two, "the same bytes twice are two blobs: sweeping the one cannot lose the other"
    assert one.startswith(f"{digest[:2]}/{digest[2:4]}/{digest}-")
    assert blobs.digest_of(one) == digest
    with blobs.open_blob(one, 5) as body:
        assert body.read() == b"bytes"


@every_store
def test_what_has_another_length_or_is_gone_is_our_fault_never_not_found(tmp_path):
    key = kept(tmp_path)
    for ask in (blobs.open_blob, blobs.require):
        with pytest.raises(Unavailable):
            ask(key, 6)
    blobs.require(key, 5)
    blobs.discard(key)
    for ask in (blobs.open_blob, blobs.require):
        with pytest.raises(Unavailable):
            ask(key, 5)
    blobs.discard(key)  # twice is fine


@every_store
def test_a_store_lists_what_it_has_and_when_that_came(tmp_path):
    keys = {kept(tmp_path), kept(tmp_path, b"others")}
    assert set(blobs.store().keys()) == keys
    assert all(abs(blobs.store().written(key) - time.time()) < 3600 for key in keys)
    with pytest.raises(OSError):
        blobs.store().written("aa/bb/none")


@every_store
def test_a_body_is_a_file_like_any_other(tmp_path):
    data = os.urandom(200_000)
    key = kept(tmp_path, data)
    with blobs.open_blob(key, len(data)) as body:
        assert hashlib.file_digest(body, "sha512").hexdigest() == blobs.digest_of(key)
    with blobs.open_blob(key, len(data)) as body, tarfile.open(fileobj=BytesIO(), mode="w") as archive:
        entry = tarfile.TarInfo("blob")
        entry.size = len(data)
        archive.addfile(entry, body)
    with blobs.open_blob(key, len(data)) as body:
        assert body.read(10) == data[:10]  # and no more: whoever stops reading closes it


@every_store
def test_a_listed_version_whose_blob_is_lost_answers_503(npm, publish, uma):
    version = publish(uma, "@uma/x", access="public")
    assert npm.get("@uma/x/-/x-1.0.0.tgz").status_code == 200
    blobs.discard(version.blob)
    answer = npm.get("@uma/x/-/x-1.0.0.tgz")
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert answer.json()["code"] == "unavailable"


@every_store
def test_what_no_version_names_is_found(publish, uma, tmp_path):
    publish(uma, "@uma/x")
    lost = kept(tmp_path)
    assert set(unnamed(older_than=-60)) == {lost}
    assert set(unnamed(older_than=3600)) == set()


@every_store
def test_keys_hold_no_text_of_a_user(publish, uma, blob_files):
    publish(uma, "@uma/very-secret-name", "1.0.0-hidden")
    (name,) = blob_files()
    assert "secret" not in name
    assert "hidden" not in name


# --- a folder ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
def test_what_is_cut_off_is_not_served(tmp_path):
    key = kept(tmp_path)
    (blobs.store().root / key).write_bytes(b"byte")
    with pytest.raises(Unavailable):
        blobs.open_blob(key, 5)


@pytest.mark.usefixtures("folder")
def test_a_source_on_another_file_system_is_copied_whole(tmp_path, monkeypatch):
    real = os.rename

    def across(source, target):
        if Path(source).suffix != ".part":
            raise OSError(18, "Invalid cross-device link")
        real(source, target)

    monkeypatch.setattr(os, "rename", across)
    key = kept(tmp_path)
    with blobs.open_blob(key, 5) as body:
        assert body.read() == b"bytes"
    assert list(blobs.store().keys()) == [key]


@pytest.mark.usefixtures("folder")
def test_only_old_blobs_that_no_version_names_are_unnamed(publish, uma, tmp_path):
    named = publish(uma, "@uma/x").blob
    young, old = kept(tmp_path), kept(tmp_path)
    for key in (named, old):
        made_older(key, 7200)
    assert set(unnamed(older_than=3600)) == {old}
    assert set(unnamed(older_than=-1)) == {old, young}


@pytest.mark.django_db
@pytest.mark.usefixtures("folder")
def test_a_draft_that_broke_off_is_no_blob_and_is_swept(tmp_path):
    key = kept(tmp_path)
    draft = (blobs.store().root / key).with_suffix(".part")
    draft.write_bytes(b"by")
    assert list(blobs.store().keys()) == [key]
    call_command("sweep_blobs", stdout=StringIO())
    assert draft.exists(), "somebody may be writing it"
    os.utime(draft, (0, 0))
    call_command("sweep_blobs", stdout=StringIO())
    assert not draft.exists()


@pytest.mark.usefixtures("folder")
def test_an_unpublished_versions_blob_is_not_swept(publish, uma):
    from packages import releases
    from packages.packuments import revision_of

    publish(uma, "@uma/x")
    releases.unpublish(uma, "@uma/x", revision_of(Package.objects.get()))
    made_older(Version.objects.get().blob, 7200)
    assert list(unnamed(older_than=3600)) == []


# --- an object store -----------------------------------------------------------------------------------------------


def test_a_large_tarball_goes_up_in_parts(in_bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(s3, "PART", 5 * 2**20)  # the least that S3 takes
    data = os.urandom(11 * 2**20)
    key = kept(tmp_path, data)
    assert sum(line.startswith("PUT") for line in in_bucket.asked) == 3
    with blobs.open_blob(key, len(data)) as body:
        assert hashlib.file_digest(body, "sha512").hexdigest() == blobs.digest_of(key)


def test_a_store_that_is_away_at_publish_is_a_503_and_nothing_is_listed(in_bucket, npm, uma):
    hers, sent = npm.as_(login_token(uma)), payloads.publish_body("@uma/x", "1.0.0")
    in_bucket.fail("PUT", 503)
    answer = hers.put("@uma/x", sent)
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert not Version.objects.exists()
    assert not list(blobs.store().keys())
    assert hers.put("@uma/x", sent).status_code == 201


def test_what_broke_off_in_parts_is_aborted_or_swept(in_bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(s3, "PART", 5 * 2**20)
    source = tmp_path / "upload"
    source.write_bytes(bytes(6 * 2**20))
    in_bucket.fail("PUT", 503)
    with pytest.raises(Unavailable):
        blobs.keep(bytes(64), source)
    store = blobs.store()
    assert not list(store.keys()) + list(store.halves(time.time() + 60))
    client = in_bucket.client()  # as a process that was killed
    client.create_multipart_upload(Bucket=store.bucket, Key=store.prefix + new_key(bytes(64)))
    client.create_multipart_upload(Bucket=store.bucket, Key=f"{store.prefix}copy/of/something")
    (half,) = store.halves(time.time() + 60)
    store.drop(half)
    assert list(store.halves(time.time() + 60)) == [], "what is not ours is not looked at"


def test_what_else_lies_in_a_bucket_is_not_ours_to_list(in_bucket):
    store, client = blobs.store(), in_bucket.client()
    for key in ("dump.sql", f"copy/{new_key(bytes(64))}", "aa/bb/cc", f"{new_key(bytes(64))}.part"):
        client.put_object(Bucket=store.bucket, Key=store.prefix + key, Body=b"theirs")
    assert list(store.keys()) == []
    client.put_object(Bucket=store.bucket, Key=store.prefix + new_key(bytes(64)), Body=b"ours")
    assert len(list(store.keys())) == 1


@pytest.mark.parametrize("how", [500, 503, 403])
def test_a_store_that_is_away_at_a_read_is_a_503_never_a_404(in_bucket, npm, publish, uma, how):
    publish(uma, "@uma/x", access="public")
    in_bucket.fail("GET", how)
    answer = npm.get("@uma/x/-/x-1.0.0.tgz")
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert npm.get("@uma/x/-/x-1.0.0.tgz").status_code == 200


def test_a_store_that_nobody_answers_for_is_a_503(in_bucket, settings, npm, publish, uma):
    publish(uma, "@uma/x", access="public")
    settings.STORAGE_URL = "s3://bucket?endpoint=http://127.0.0.1:1"
    blobs.store.cache_clear()
    assert npm.get("@uma/x/-/x-1.0.0.tgz").status_code == 503


def test_a_download_that_breaks_off_goes_on_where_it_was(in_bucket, tmp_path):
    data = os.urandom(300_000)
    key = kept(tmp_path, data)
    in_bucket.fail("GET", object_store.CUT)
    with blobs.open_blob(key, len(data)) as body:
        assert body.read() == data


def test_a_download_that_breaks_off_for_good_ends_with_an_error_never_short(in_bucket, tmp_path):
    data = os.urandom(300_000)
    key = kept(tmp_path, data)
    in_bucket.fail("GET", object_store.CUT, times=1 + s3.RESUMES)
    with blobs.open_blob(key, len(data)) as body, pytest.raises(OSError):
        list(iter(lambda: body.read(65536), b""))
    in_bucket.fail("GET", object_store.CUT, times=1 + s3.RESUMES)
    with pytest.raises(Unavailable):
        blobs.whole(blobs.open_blob(key, len(data)))


def test_what_cannot_be_removed_stays_until_it_is_swept(in_bucket, tmp_path):
    key = kept(tmp_path)
    in_bucket.fail("DELETE", 503)
    blobs.discard(key)
    assert list(blobs.store().keys()) == [key]


# --- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["ftp://x/y", "blobs", "", "http://example.com/blobs", "s3://", "s3:///prefix", "s3://b?endpoint=minio:9000"]
    + ["s3://b?secret=x", "s3://b?addressing=dns"],
)
def test_a_store_we_do_not_have_is_said_in_one_sentence(settings, url):
    settings.STORAGE_URL = url
    blobs.store.cache_clear()
    with pytest.raises(ImproperlyConfigured, match="STORAGE_URL"):
        blobs.store()


def test_the_address_of_a_bucket():
    store = blobs.at("s3://bucket/a%20b/c/?endpoint=https://minio:9000&region=eu-1")
    assert (store.bucket, store.prefix) == ("bucket", "a b/c/")
    assert blobs.at("s3://bucket").prefix == ""
