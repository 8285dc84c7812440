"""`manage.py import_tarballs`: each file says what it is; nothing else is believed."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from packages.models import Access, Package, Version
from tests.tools import payloads
from tests.tools.upstream_stub import integrity

AT = datetime(2021, 5, 6, tzinfo=UTC).timestamp()


@pytest.fixture
def there(tmp_path) -> Path:
    folder = tmp_path / "tarballs"
    folder.mkdir()
    return folder


def put(there: Path, file: str, name: str, number: str, **more) -> bytes:
    data = payloads.tarball({"name": name, "version": number, **more})
    path = there / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (AT, AT))
    return data


def run(there: Path, *words: str) -> str:
    told = StringIO()
    try:
        call_command("import_tarballs", str(there), *words, stdout=told, stderr=told)
    except CommandError as error:
        told.write(f"FAILED {error}")
    return told.getvalue()


def test_a_folder_of_tarballs_becomes_packages(there, uma):
    data = put(there, "a.tgz", "@uma/x", "1.0.0")
    put(there, "deep/er/b.tar.gz", "@uma/x", "1.10.0")
    put(there, "c.tgz", "@uma/x", "1.9.0")
    put(there, "d.tgz", "@uma/x", "2.0.0-rc.1")
    (there / "readme.txt").write_text("not one")
    told = run(there)
    assert "4 versions came in" in told
    package = Package.objects.get()
    assert package.access == Access.RESTRICTED
    assert package.tags.get(name="latest").version.number == "1.10.0"
    first = package.versions.get(number="1.0.0")
    assert first.integrity == integrity(data)
    assert first.published_at.timestamp() == AT
    assert "FAILED" not in told


def test_they_can_be_public(there, uma):
    put(there, "a.tgz", "@uma/x", "1.0.0")
    run(there, "--access", "public")
    assert Package.objects.get().access == Access.PUBLIC


def test_a_dry_run_keeps_nothing(there, uma, blob_files):
    put(there, "a.tgz", "@uma/x", "1.0.0")
    assert "1 versions would come in" in run(there, "--dry-run")
    assert not Package.objects.exists()
    assert not blob_files()


def test_again_nothing_is_left_to_do(there, uma):
    put(there, "a.tgz", "@uma/x", "1.0.0")
    run(there)
    assert "here already: 1" in run(there)


def test_two_files_that_differ_are_neither(there, uma):
    put(there, "a.tgz", "@uma/x", "1.0.0")
    put(there, "b.tgz", "@uma/x", "1.0.0", description="another")
    put(there, "c.tgz", "@uma/x", "1.1.0")
    put(there, "same.tgz", "@uma/x", "1.1.0")
    told = run(there)
    assert "a.tgz and b.tgz say they are this version, and differ" in told
    assert list(Version.objects.values_list("number", flat=True)) == ["1.1.0"]


@pytest.mark.parametrize("name", ["../x", "@uma/../x", "", "@UMA/x", "@uma/x\n", 7, None])
def test_a_name_that_is_none_is_told_and_the_rest_goes_on(there, uma, name):
    put(there, "bad.tgz", name, "1.0.0")
    put(there, "good.tgz", "@uma/y", "1.0.0")
    assert "FAILED" in run(there)
    assert list(Package.objects.values_list("name", flat=True)) == ["@uma/y"]


def test_what_is_no_tarball_is_told(there, uma, settings):
    (there / "bad.tgz").write_bytes(b"PK")
    (there / "link.tgz").symlink_to("/etc/passwd")
    told = run(there)
    assert "bad.tgz: the tarball cannot be published: it is not a gzip file" in told
    assert "link.tgz" not in told, "links are passed over"
    assert not list(settings.SPOOL_DIR.glob("*.tgz"))


def test_a_folder_that_is_not_there_is_told(tmp_path, db):
    assert "there is no folder" in run(tmp_path / "nowhere")
