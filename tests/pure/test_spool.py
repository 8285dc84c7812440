"""Where large things pass through: what was left there goes, and nothing that somebody is at work with."""

from __future__ import annotations

import os

import pytest

from registry_site import spool


@pytest.fixture
def where(settings, tmp_path):
    settings.SPOOL_DIR = tmp_path / "spool"
    return settings.SPOOL_DIR


def test_a_folder_and_a_file_are_made_where_there_is_none_yet(where):
    handle, path = spool.file("mirror")
    os.close(handle)
    assert (path.parent, path.name.startswith("mirror-"), path.suffix) == (where, True, ".tgz")
    with spool.folder("backup") as folder:
        (folder / "x").touch()
        assert folder.parent == where
    assert list(where.iterdir()) == [path]


def test_what_was_left_a_day_ago_goes(where):
    assert spool.leftovers(where, 0) == []
    spool.place()
    old, young, folder, renewed = (where / name for name in ("old.tgz", "young.tgz", "backup-old", "backup-renewed"))
    for path in (folder, renewed):
        path.mkdir()
        (path / "database.sqlite3").touch()
    for path in (old, young):
        path.touch()
    for path in (old, folder, renewed):
        os.utime(path, (0, 0))
    spool.renew(renewed)
    assert sorted(spool.leftovers(where, spool.DAY)) == sorted([old, folder])
    spool.clear(where)
    assert sorted(where.iterdir()) == sorted([young, renewed])
