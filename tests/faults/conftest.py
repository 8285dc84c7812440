"""Clusters for the tests with real processes, and which of those tests run when nobody asks for all."""

from __future__ import annotations

import sys

import pytest

from tests.faults import harness
from tests.tools import postgres
from tests.tools.postgres import Cluster


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items) -> None:
    """What is marked `long` runs when asked for with `-m`."""
    here = [item for item in items if "/tests/faults/" in str(item.path)]
    for item in here:
        item.add_marker(pytest.mark.faults)
        item.add_marker(pytest.mark.skipif(sys.platform != "linux", reason="it looks for processes in /proc"))
        if "postgres" in getattr(item, "fixturenames", ()) or "postgres" in item.name:
            item.add_marker(pytest.mark.postgres)
    if "long" in config.option.markexpr:
        return
    left_out = {item for item in here if item.get_closest_marker("long")}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session", autouse=True)
def _no_leftovers():
    yield
    harness.forget()


@pytest.fixture(scope="session")
def cluster():
    """A PostgreSQL that no test of a run kills."""
    yield from _running()


@pytest.fixture(scope="module")
def mortal():
    """A PostgreSQL for the tests of one file, which kill it and start it again."""
    yield from _running()


def _running():
    try:
        with Cluster() as running:
            yield running
    except postgres.Missing as reason:
        pytest.skip(str(reason))


@pytest.fixture
def place(request, tmp_path):
    """Of the kind that the test is run with (`@pytest.mark.parametrize("kind", PLACES)`), else SQLite and a folder."""
    database, store = request.getfixturevalue("kind") if "kind" in request.fixturenames else ("sqlite", "folder")
    running = request.getfixturevalue("cluster") if database == "postgres" else None
    with harness.Place(database, store, tmp_path / "place", running) as made:
        yield made
