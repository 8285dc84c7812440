"""Whether this process serves, said to whoever probes."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from django.conf import settings as site
from django.db import DatabaseError
from django.db.migrations.recorder import MigrationRecorder

from packages import blobs, vitals
from registry_site import draining, health

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh(settings, tmp_path):
    (tmp_path / "blobs").mkdir()
    health.looks.forget()
    yield
    draining.end()
    health.looks.forget()


def test_ready_says_each_check(client):
    answer = client.get("/healthz/ready")
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "checks": {"serving": "ok", "database": "ok", "storage": "ok", "migrations": "ok"},
    }
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/healthz/live", "/healthz/ready"])
@pytest.mark.parametrize("mode", ["public", "enterprise"])
def test_a_probe_may_come_with_any_host_and_without_a_login(client, settings, path, mode):
    settings.REGISTRY_MODE = mode
    assert "10.9.8.7" not in site.ALLOWED_HOSTS
    assert client.get(path, headers={"host": "10.9.8.7:8000"}).status_code == 200
    assert client.get("/", headers={"host": "10.9.8.7:8000"}).status_code == 400


def test_it_is_not_ready_when_it_is_about_to_stop_and_serves_on(client):
    draining.begin()
    answer = client.get("/healthz/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["serving"] == "about to stop"
    assert client.get("/healthz/live").status_code == 200
    assert client.get("/-/ping").status_code == 200


def test_it_is_not_ready_without_its_storage_and_says_no_path(client, tmp_path):
    (tmp_path / "blobs").rmdir()
    answer = client.get("/healthz/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["storage"] == "is not there"
    assert str(tmp_path) not in answer.content.decode()


def test_tables_that_are_older_than_the_code_are_not_ready(monkeypatch):
    monkeypatch.setattr(vitals, "_are_applied", False)
    assert vitals.migrations() == "ok"
    monkeypatch.setattr(vitals, "_are_applied", False)
    MigrationRecorder.Migration.objects.filter(app="packages").order_by("-pk")[0].delete()
    assert "manage.py prepare" in vitals.migrations()


def test_an_object_store_that_fails_is_no_storage(monkeypatch):
    class Away:
        folder = None

        def size(self, key):
            raise ConnectionError("the store is away")

    monkeypatch.setattr(vitals, "blobs", SimpleNamespace(store=Away))
    with pytest.raises(OSError, match="away"):
        vitals.storage()


def test_a_bucket_that_is_gone_or_has_another_name_is_no_storage(settings, bucket):
    settings.STORAGE_URL = bucket.address().replace("s3://tarballs/", "s3://another/")
    blobs.store.cache_clear()
    with pytest.raises(OSError, match="no bucket another"):
        vitals.storage()


def test_a_folder_that_takes_over_is_looked_at_as_the_only_one_is(settings, tmp_path, bucket):
    settings.STORAGE_URL, settings.STORAGE_FALLBACK_URL = (tmp_path / "new").as_uri(), bucket.address()
    blobs.store.cache_clear()
    assert vitals.storage() == "is not there"
    (tmp_path / "new").mkdir()
    blobs.store.cache_clear()
    assert vitals.storage() == "ok"
    assert ("storage",) in vitals._free()


def test_what_fails_or_hangs_is_named_and_holds_nothing_up(monkeypatch, caplog):
    asked, end = [], threading.Event()

    def fails():
        raise DatabaseError("password=hunter2hunter2")

    def hangs():
        asked.append(1)
        end.wait()
        return "ok"

    monkeypatch.setattr(health, "SECONDS", 0.01)
    monkeypatch.setattr(health, "FRESH_SECONDS", 0)
    looks = health._Looks({"database": fails, "storage": hangs})
    try:
        said = [looks.say() for _ in range(3)]
    finally:
        end.set()
    assert {each["storage"] for each in said} == {"did not answer in 0.01 seconds"}
    assert asked == [1], "what hangs is not asked again"
    assert "hunter2" not in str(said)


def test_one_look_serves_all_who_ask_within_a_second():
    asked = []
    looks = health._Looks({"database": lambda: asked.append(1) or "ok"})
    assert [looks.say() for _ in range(3)] == [{"database": "ok"}] * 3
    assert asked == [1]
