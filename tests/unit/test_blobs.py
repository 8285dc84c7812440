"""Tarball bytes: written once, read whole or not at all, swept only when nothing names them."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from packages import blobs
from packages.management.commands.sweep_blobs import unnamed
from packages.models import Version
from registry_site.errors import Unavailable


def kept(tmp_path: Path, data: bytes = b"bytes") -> str:
    source = tmp_path / "upload"
    source.write_bytes(data)
    key = blobs.keep(hashlib.sha512(data).digest(), source)
    assert not source.exists()
    return key


def made_older(key: str, seconds: float) -> None:
    moment = time.time() - seconds
    os.utime(blobs.store().root / key, (moment, moment))


def test_a_key_is_the_digest_and_a_part_of_its_own(tmp_path):
    one, two = kept(tmp_path), kept(tmp_path)
    digest = hashlib.sha512(b"bytes").hexdigest()
    assert one != two, "the same bytes twice are two blobs: sweeping the one cannot lose the other"
    assert one.startswith(f"{digest[:2]}/{digest[2:4]}/{digest}-")
    with blobs.open_blob(one, 5) as body:
        assert body.read() == b"bytes"


def test_what_is_cut_off_or_gone_is_our_fault_never_not_found(tmp_path):
    key = kept(tmp_path)
    with pytest.raises(Unavailable):
        blobs.open_blob(key, 6)
    (blobs.store().root / key).write_bytes(b"byte")
    with pytest.raises(Unavailable):
        blobs.open_blob(key, 5)
    blobs.discard(key)
    with pytest.raises(Unavailable):
        blobs.open_blob(key, 5)
    blobs.discard(key)  # twice is fine


def test_a_listed_version_whose_blob_is_lost_answers_503(npm, publish, uma):
    version = publish(uma, "@uma/x", access="public")
    blobs.discard(version.blob)
    answer = npm.get("@uma/x/-/x-1.0.0.tgz")
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert answer.json()["code"] == "unavailable"


def test_a_source_on_another_file_system_is_copied_whole(tmp_path, monkeypatch):
    real = os.rename

    def across(source, target):
        if Path(source).suffix != ".part":
            raise OSError(18, "Invalid cross-device link")
        real(source, target)

    monkeypatch.setattr(blobs.os, "rename", across)
    key = kept(tmp_path)
    with blobs.open_blob(key, 5) as body:
        assert body.read() == b"bytes"
    assert list(blobs.store().keys()) == [key]


def test_only_old_blobs_that_no_version_names_are_unnamed(publish, uma, tmp_path):
    named = publish(uma, "@uma/x").blob
    young, old = kept(tmp_path), kept(tmp_path)
    for key in (named, old):
        made_older(key, 7200)
    assert set(unnamed(older_than=3600)) == {old}
    assert set(unnamed(older_than=-1)) == {old, young}


def test_a_draft_that_broke_off_is_no_blob(tmp_path):
    key = kept(tmp_path)
    (blobs.store().root / key).with_suffix(".part").write_bytes(b"by")
    assert list(blobs.store().keys()) == [key]


def test_an_unpublished_versions_blob_is_not_swept(publish, uma):
    from packages import releases
    from packages.models import Package
    from packages.packuments import revision_of

    publish(uma, "@uma/x")
    releases.unpublish(uma, "@uma/x", revision_of(Package.objects.get()))
    made_older(Version.objects.get().blob, 7200)
    assert list(unnamed(older_than=3600)) == []


@pytest.mark.parametrize("url", ["ftp://x/y", "blobs", "", "http://example.com/blobs"])
def test_a_store_we_do_not_have_is_said_in_one_sentence(settings, url):
    settings.STORAGE_URL = url
    blobs.store.cache_clear()
    with pytest.raises(ImproperlyConfigured, match="STORAGE_URL"):
        blobs.store()


def test_keys_hold_no_text_of_a_user(publish, uma, blob_files):
    publish(uma, "@uma/very-secret-name", "1.0.0-hidden")
    (name,) = blob_files()
    assert "secret" not in name
    assert "hidden" not in name
