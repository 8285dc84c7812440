"""nginx in front, which sends the tarballs; the registry says only who may have them."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from tests.live import app, fetch, make
from tests.tools import nginx, ports
from tests.tools.homes import Client
from tests.tools.server import Registry
from tests.tools.visitor import sign_up

pytestmark = pytest.mark.protocol


@pytest.fixture(scope="module")
def behind():
    """The registry itself, as nobody but nginx sees it."""
    with Registry({"RATE_LIMITS": "off", "TARBALLS_BY": "x-accel", "TRUSTED_PROXY_COUNT": "1"}) as running:
        yield running


@pytest.fixture(scope="module")
def front(behind, tmp_path_factory):
    try:
        with nginx.front(tmp_path_factory.mktemp("nginx"), behind.port, behind.data_dir / "blobs") as url:
            yield SimpleNamespace(url=url, registry=f"{url}/npm/", at_root=False)
    except nginx.Missing as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def alice(front, tmp_path_factory):
    return sign_up(front, "alice", tmp_path_factory.mktemp("alice"))


@pytest.fixture(scope="module")
def bob(front, tmp_path_factory):
    return sign_up(front, "bob", tmp_path_factory.mktemp("bob"))


def published(person, name: str, **more) -> Client:
    client = person.client("npm", 12)
    client.run("publish", *([f"--access={more.pop('access')}"] if "access" in more else []), cwd=make(client, name))
    return client


def test_npm_publishes_and_installs_through_it(alice):
    hers = published(alice, "@alice/through")
    project = app(hers)
    hers.run("install", "@alice/through", cwd=project)
    assert (project / "node_modules/@alice/through/index.js").exists()


def test_the_registry_sends_no_bytes_and_nginx_tells_nobody_where_they_are(front, behind, alice):
    published(alice, "@alice/open", access="public")
    file = "@alice/open/-/open-1.0.0.tgz"
    status, body, inside = fetch(behind, file)
    assert (status, body) == (200, b"")
    assert inside["X-Accel-Redirect"].startswith("/_blobs/")
    status, body, headers = fetch(front, file)
    assert (status, len(body)) == (200, int(headers["Content-Length"]))
    assert body.startswith(b"\x1f\x8b")
    assert headers["Content-Type"] == "application/octet-stream"
    assert "immutable" in headers["Cache-Control"]
    assert headers["X-Accel-Redirect"] is None
    outside = SimpleNamespace(registry=f"{front.url}/")
    status, body, _ = fetch(outside, inside["X-Accel-Redirect"])
    assert (status, json.loads(body)["code"]) == (503, "unavailable"), "nobody gets there but through the registry"


def test_heads_and_ranges_are_right(front, alice):
    published(alice, "@alice/parts", access="public")
    file = "@alice/parts/-/parts-1.0.0.tgz"
    _, whole, _ = fetch(front, file)
    status, body, headers = fetch(front, file, method="HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", str(len(whole)))
    status, body, headers = fetch(front, file, range="bytes=10-19")
    assert (status, body) == (206, whole[10:20])
    assert headers["Content-Range"] == f"bytes 10-19/{len(whole)}"


def test_who_may_not_have_it_gets_the_404_of_a_missing_name(front, alice, bob):
    published(alice, "@alice/secret")
    assert fetch(front, "@alice/secret/-/secret-1.0.0.tgz", bob.token)[0] == 404
    assert fetch(front, "@alice%2fsecret", bob.token)[0] == 404
    assert fetch(front, "@alice%2fsecret", alice.token)[0] == 200


def test_a_lost_tarball_is_a_503(front, behind, alice):
    published(alice, "@alice/lost", access="public")
    before = fetch(behind, "@alice/lost/-/lost-1.0.0.tgz")[2]["X-Accel-Redirect"]
    (behind.data_dir / "blobs" / before.removeprefix("/_blobs/")).unlink()
    status, _, headers = fetch(front, "@alice/lost/-/lost-1.0.0.tgz")
    assert status == 503
    assert headers["Retry-After"]


def test_while_the_registry_is_away_clients_are_told_to_come_back(tmp_path):
    try:
        with nginx.front(tmp_path, ports.free(), tmp_path) as url:
            there = SimpleNamespace(registry=f"{url}/npm/")
            status, body, headers = fetch(there, "left-pad")
    except nginx.Missing as reason:
        pytest.skip(str(reason))
    assert status == 503
    assert headers["Retry-After"] == "5"
    assert json.loads(body)["code"] == "unavailable"
