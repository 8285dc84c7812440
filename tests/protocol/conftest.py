"""The registry that runs for these tests, and the rows of the table of clients."""

from __future__ import annotations

import itertools
from collections import defaultdict

import pytest

from tests.live import *  # noqa: F403 - the fixtures of a running registry
from tests.protocol import matrix
from tests.protocol.dialects import KINDS
from tests.protocol.limits import limit_of
from tests.tools import clients, clients_table
from tests.tools.homes import Client
from tests.tools.visitor import sign_up

_numbers = itertools.count(1)


def pytest_generate_tests(metafunc) -> None:
    """A row runs with every client."""
    if metafunc.definition.get_closest_marker("row"):
        metafunc.parametrize("kind", KINDS, ids=[f"{name}{major}" for name, major in KINDS])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items) -> None:
    """What is marked `matrix` runs when asked for with `-m matrix`; of the table's rows, a few run with all tests.

    Of a test that runs with several versions of one client, all but the newest are marked so.
    """
    whole = "matrix" in config.option.markexpr
    left_out = []
    versions = defaultdict(set)
    for item in items:
        if client := _client(item):
            versions[item.function, client[0]].add(client[1])
    for item in items:
        if client := _client(item):
            majors = versions[item.function, client[0]]
            if client[1] < max(majors):
                item.add_marker("matrix")
    for item in items:
        marker = item.get_closest_marker("row")
        if marker is None:
            if not whole and item.get_closest_marker("matrix"):
                left_out.append(item)
            continue
        item.add_marker("matrix" if whole else "protocol")
        _, core = marker.args
        if not whole and not (core and item.callspec.params["kind"] in matrix.CORE):
            left_out.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def _client(item) -> tuple[str, int] | None:
    params = item.callspec.params if hasattr(item, "callspec") and not item.get_closest_marker("row") else {}
    said = (params.get("kind"), params.get("client"), ("npm", params.get("major")))
    return next((each for each in said if isinstance(each, tuple) and isinstance(each[1], int)), None)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    """Run a cell and record how it went; a client's own limit has to show itself."""
    marker = pyfuncitem.get_closest_marker("row")
    if marker is None:
        return (yield)
    name, _ = marker.args
    kind = pyfuncitem.callspec.params["kind"]
    limit = limit_of(name, kind)
    cell = {
        "group": pyfuncitem.module.GROUP,
        "place": [pyfuncitem.path.name, pyfuncitem.function.__code__.co_firstlineno],
        "row": name,
        "client": f"{kind[0]} {kind[1]}",
    }
    keep = clients_table.record if pyfuncitem.get_closest_marker("matrix") else (lambda **_: None)
    try:
        done = yield
    except pytest.skip.Exception:
        raise
    except Exception as failure:
        if limit is not None and limit.says in str(failure):
            keep(**cell, result="limit")
            return True
        keep(**cell, result="fail", reason=str(failure))
        raise
    if limit is not None:
        keep(**cell, result="fail", reason="limits.py names a limit that is gone")
        pytest.fail(f"{cell['client']} does this: {limit.says!r} was not said; take it out of limits.py")
    keep(**cell, result="pass")
    return done


@pytest.fixture(scope="session")
def cast(registry, tmp_path_factory):
    """The people of the rows."""
    return matrix.Cast(registry, lambda name: _join(registry, name, tmp_path_factory))


def _join(registry, name, tmp_path_factory):
    unique = f"{name}-m{next(_numbers)}"
    return sign_up(registry, unique, tmp_path_factory.mktemp(unique))


@pytest.fixture
def terminal(kind, cast, tmp_path):
    """`terminal(person)` is a client of theirs in a clean home; without a person, nobody's. at: another address."""
    count = itertools.count(1)

    def run(person=None, at=None) -> matrix.Terminal:
        try:
            home = tmp_path / f"home{next(count)}"
            address = at or (person.registry if person else cast.registry).registry
            return matrix.Terminal(Client(*kind, home, address, person and person.token))
        except clients.Unavailable as reason:
            pytest.skip(str(reason))

    return run


@pytest.fixture
def her(terminal, cast):
    """Alice's terminal."""
    return terminal(cast.alice)


@pytest.fixture
def his(terminal, cast):
    """Bob's terminal."""
    return terminal(cast.bob)
