"""Tarballs that the front server or the object store sends: asked of the policy first, counted, never a 404."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from packages import blobs, counting, handing_over
from packages.models import DownloadCount
from tests.conftest import login_token

FILE = "@uma/x/-/x-1.0.0.tgz"
WAYS = ("x-accel", "x-sendfile", "redirect")


@pytest.fixture(params=WAYS)
def way(request, settings, folder, bucket):
    settings.TARBALLS_BY = request.param
    if request.param == "redirect":
        settings.STORAGE_URL = bucket.address()
    return request.param


def counted() -> int:
    counting.tally.write()
    return sum(DownloadCount.objects.values_list("count", flat=True))


def test_somebody_else_is_told_where_the_bytes_are(way, npm, publish, uma, settings):
    version = publish(uma, "@uma/x", access="public")
    answer = npm.get(FILE)
    assert answer.content == b""
    if way == "x-accel":
        assert answer.status_code == 200
        assert answer["X-Accel-Redirect"] == f"/_blobs/{version.blob}"
        assert "immutable" in answer["Cache-Control"]
    elif way == "x-sendfile":
        assert Path(answer["X-Sendfile"]).stat().st_size == version.size
    else:
        assert answer.status_code == 302
        assert answer["Cache-Control"] == "private, no-store"
        with urllib.request.urlopen(answer["Location"]) as sent:
            body = sent.read()
            assert "immutable" in sent.headers["Cache-Control"]
        with blobs.open_blob(version.blob, version.size) as kept:
            assert body == kept.read()
        said = parse_qs(urlsplit(answer["Location"]).query)
        assert said["X-Amz-Expires"] == [str(handing_over.LINK_SECONDS)]
    assert counted() == 1


def test_a_front_server_in_the_group_can_read_what_is_kept(publish, uma, folder):
    kept = folder / publish(uma, "@uma/x").blob
    assert kept.stat().st_mode & 0o777 == 0o640


def test_who_may_not_see_it_is_told_nothing(way, npm, publish, uma, dave):
    publish(uma, "@uma/x")
    for asked in (npm, npm.as_(login_token(dave))):
        answer = asked.get(FILE)
        assert answer.status_code == 404
        assert not {"X-Accel-Redirect", "X-Sendfile", "Location"} & set(answer.headers)
    assert npm.as_(login_token(uma)).get(FILE).status_code in (200, 302)
    assert counted() == 1


def test_bytes_that_are_lost_are_a_503_here_for_nobody_behind_us_says_so(way, npm, publish, uma):
    version = publish(uma, "@uma/x", access="public")
    blobs.discard(version.blob)
    answer = npm.get(FILE)
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert counted() == 0


def test_a_head_and_the_rest_of_a_broken_download_are_not_counted(way, npm, publish, uma):
    version = publish(uma, "@uma/x", access="public")
    answer = npm.head(FILE)
    assert answer.status_code == 200
    assert answer["Content-Length"] == str(version.size)
    assert not {"X-Accel-Redirect", "X-Sendfile", "Location"} & set(answer.headers)
    npm.get(FILE, range="bytes=10-")
    assert counted() == 0
    npm.get(FILE, range="bytes=0-")
    assert counted() == 1


def test_while_a_store_takes_over_this_process_sends_everything(way, npm, publish, uma, settings, tmp_path):
    version = publish(uma, "@uma/x", access="public")
    settings.STORAGE_FALLBACK_URL = (tmp_path / "older").as_uri()
    blobs.store.cache_clear()
    answer = npm.get(FILE)
    assert answer.status_code == 200
    assert len(answer.getvalue()) == version.size


def test_the_store_is_asked_once_whether_it_has_a_tarball(npm, publish, uma, settings, bucket):
    settings.TARBALLS_BY, settings.STORAGE_URL = "redirect", bucket.address()
    publish(uma, "@uma/x", access="public")
    bucket.heal()
    for _ in range(3):
        assert npm.get(FILE).status_code == 302
    assert len(bucket.asked) == 1


def test_clients_get_the_address_under_which_they_reach_the_store(bucket):
    store = blobs.at("s3://bucket?endpoint=http://minio:9000&public=https://s3.example.com")
    assert store.link("aa/bb/cc", 300).startswith("https://s3.example.com/bucket/aa/bb/cc?")


@pytest.mark.django_db
def test_mirrored_tarballs_go_the_same_way(way, npm, upstream):
    upstream.publish("left-pad")
    answer = npm.get("left-pad/-/left-pad-1.0.0.tgz")
    assert {"X-Accel-Redirect", "X-Sendfile", "Location"} & set(answer.headers)
    assert counted() == 1
