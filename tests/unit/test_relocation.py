"""Tarballs move from one store to another while they are read and published; at the end each is compared."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from packages import blobs, relocation, staging
from packages.models import Version


@pytest.fixture
def old(settings, tmp_path):
    settings.STORAGE_URL = (tmp_path / "old").as_uri()
    return settings.STORAGE_URL


@pytest.fixture
def new(bucket):
    return bucket.address()


@pytest.fixture
def switch(settings):
    """Put a store in the place of another one, as a restart with other settings does."""

    def run(url: str, fallback: str = "") -> None:
        settings.STORAGE_URL, settings.STORAGE_FALLBACK_URL = url, fallback
        blobs.store.cache_clear()

    return run


def run(*words: str) -> str:
    told = StringIO()
    call_command("migrate_storage", *words, stdout=told, stderr=told)
    return told.getvalue()


def read(npm, number: str) -> int:
    return npm.get(f"@uma/x/-/x-{number}.tgz").status_code


def test_a_registry_moves_while_it_runs(npm, old, new, switch, publish, stage, uma):
    publish(uma, "@uma/x", "1.0.0", access="public")
    staged = stage(uma, "@uma/x", "2.0.0")
    switch(new, old)
    assert read(npm, "1.0.0") == 200, "the old store still has it"
    publish(uma, "@uma/x", "1.1.0")
    assert len(list(blobs.at(new).keys())) == 1, "what is new goes to the new one"
    told = run()
    assert "2 tarballs copied" in told
    assert "1 were there already" in told
    switch(new)
    assert [read(npm, number) for number in ("1.0.0", "1.1.0")] == [200, 200]
    staging.open_tarball(uma, staged.key)[1].close()
    assert len(list(blobs.at(old).keys())) == 2, "the old store is left as it was"


def test_and_back_again(npm, old, new, switch, publish, uma):
    switch(new)
    publish(uma, "@uma/x", "1.0.0", access="public")
    run(new, old)
    switch(old)
    assert read(npm, "1.0.0") == 200


def test_a_move_that_broke_off_goes_on_where_it_was(bucket, old, new, publish, uma):
    for number in ("1.0.0", "1.0.1", "1.0.2"):
        publish(uma, "@uma/x", number)
    move = relocation.move(blobs.at(old), blobs.at(new), relocation.Moved())
    next(move)
    move.close()
    bucket.heal()
    told = run(old, new, "--quick")
    assert "2 tarballs copied" in told
    assert sum(line.startswith("PUT") and "/ledger/" not in line for line in bucket.asked) == 2


def test_a_store_that_fails_is_told_and_the_next_run_mends_it(bucket, old, new, publish, uma):
    version = publish(uma, "@uma/x")
    bucket.fail("PUT", 503)
    with pytest.raises(CommandError, match="1 tarballs are not in the new store"):
        run(old, new)
    assert "1 tarballs copied" in run(old, new)
    assert list(blobs.at(new).keys()) == [version.blob]


def test_bytes_that_are_damaged_are_never_copied(old, new, publish, uma):
    version = publish(uma, "@uma/x")
    file = blobs.at(old).root / version.blob
    file.write_bytes(bytes(version.size))
    with pytest.raises(CommandError, match="not in the new store"):
        run(old, new)
    assert not list(blobs.at(new).keys())


def test_damage_in_the_new_store_is_found_on_the_second_look(bucket, old, new, publish, uma):
    version = publish(uma, "@uma/x")
    run(old, new)
    store = blobs.at(new)
    bucket.client().put_object(Bucket=store.bucket, Key=store.prefix + version.blob, Body=bytes(version.size))
    assert "1 were there already" in run(old, new, "--quick")
    with pytest.raises(CommandError, match="not in the new store"):
        run(old, new)


def test_what_no_row_names_stays_behind(old, new, publish, uma):
    erased = publish(uma, "@uma/x")
    Version.objects.filter(pk=erased.pk).update(erased_at=erased.published_at)
    assert "0 tarballs copied" in run(old, new)


@pytest.mark.django_db
@pytest.mark.parametrize("words", [[], ["file:///a", "file:///a"]])
def test_without_two_stores_nothing_is_done(words):
    with pytest.raises(CommandError):
        run(*words)


def test_what_is_removed_while_others_move_is_no_fault(old, new, publish, uma):
    publish(uma, "@uma/x", "1.0.0")
    gone = publish(uma, "@uma/x", "1.0.1")
    report = relocation.Moved()
    move = relocation.move(blobs.at(old), blobs.at(new), report)
    next(move)
    Version.objects.filter(pk=gone.pk).update(erased_at=gone.published_at)
    blobs.discard(gone.blob)
    assert len(list(move)) == 1
    assert (report.copied, report.wrong) == (1, [])
