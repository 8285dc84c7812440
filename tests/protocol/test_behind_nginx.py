"""nginx or Caddy in front, as deploy/ has them: they send the tarballs; the registry says only who may have them."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from tests.live import app, fetch, make
from tests.protocol import dialects
from tests.tools import clients, fronts, ports
from tests.tools.homes import Client
from tests.tools.server import DIRECT, Registry
from tests.tools.visitor import sign_up

pytestmark = pytest.mark.protocol

SETTINGS = {"RATE_LIMITS": "off", "TARBALLS_BY": "x-accel", "TRUSTED_PROXY_COUNT": "1", "WORKER": "apart"}
PAGE = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture(scope="module", params=["nginx", *(["caddy"] if fronts.is_there("caddy") else [])])
def kind(request) -> str:
    """Which of them; skips where it is not installed."""
    try:
        fronts.program(request.param)
    except fronts.Missing as reason:
        pytest.skip(str(reason))
    return request.param


@pytest.fixture(scope="module")
def behind(kind):
    """The registry itself, as nobody but the front server sees it."""
    with Registry(SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def front(kind, behind, tmp_path_factory):
    with fronts.front(kind, tmp_path_factory.mktemp(kind), behind.port, behind.data_dir / "blobs") as url:
        yield SimpleNamespace(url=url, registry=f"{url}/npm/", at_root=False)


@pytest.fixture(scope="module")
def away(kind, tmp_path_factory):
    """The front server while there is no registry behind it."""
    place = tmp_path_factory.mktemp("away")
    with fronts.front(kind, place, ports.free(), place) as url:
        yield url


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


def of(person, kind: tuple[str, int]) -> Client:
    try:
        return person.client(*kind)
    except clients.Unavailable as reason:
        pytest.skip(str(reason))


def get(address: str, **headers: str):
    """One request that may be a browser's: (status, text, headers)."""
    request = urllib.request.Request(address, headers={name.replace("_", "-"): text for name, text in headers.items()})
    try:
        with DIRECT.open(request, timeout=30) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers


@pytest.mark.parametrize("client", dialects.KINDS, ids=lambda each: f"{each[0]}{each[1]}")
def test_every_client_publishes_and_installs_through_it(alice, client):
    """The name has a scope, whose slash most of them send as %2f; the package is private, so each has to log in."""
    name = f"@alice/by-{client[0]}{client[1]}"
    hers = of(alice, client)
    folder = make(hers, name)
    if client == ("yarn", 4):  # it packs nothing that it did not install
        hers.run("install", cwd=folder)
    hers.run(*dialects.words(client, "publish"), cwd=folder)
    project = app(hers)
    hers.run(*dialects.words(client, "add", package=name), cwd=project)
    assert (project / "node_modules" / name / "index.js").read_text() == f"module.exports = '{name}'\n"


@pytest.mark.parametrize("client", dialects.KINDS, ids=lambda each: f"{each[0]}{each[1]}")
def test_every_client_is_told_of_what_it_may_not_have_as_of_what_is_missing(alice, bob, client):
    name = f"@alice/hidden-from-{client[0]}{client[1]}"
    published(alice, name)
    his = of(bob, client)
    done = his.run(*dialects.words(client, "add", package=name), cwd=app(his), check=False)
    assert done.code != 0
    told = "is not in this registry" if client == ("yarn", 1) else "404"  # our sentence, or the status
    assert told in done.said or "not found" in done.said.lower(), done.said


def test_the_registry_sends_no_bytes_and_nobody_is_told_where_they_are(front, behind, alice):
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
    assert headers["ETag"] is None, "who asks again with one would be counted"
    outside = SimpleNamespace(registry=f"{front.url}/")
    status, body, _ = fetch(outside, inside["X-Accel-Redirect"])
    assert status in (404, 503), "nobody gets there but through the registry"
    assert "error" in json.loads(body)


def test_heads_and_ranges_are_right(front, alice):
    published(alice, "@alice/parts", access="public")
    file = "@alice/parts/-/parts-1.0.0.tgz"
    _, whole, _ = fetch(front, file)
    status, body, headers = fetch(front, file, method="HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", str(len(whole)))
    status, body, headers = fetch(front, file, range="bytes=10-19")
    assert (status, body) == (206, whole[10:20])
    assert headers["Content-Range"] == f"bytes 10-19/{len(whole)}"
    status, body, headers = fetch(front, file, range="bytes=0-0,2-2,4-4")
    assert (status, body) == (200, whole), "of many ranges, none"


def test_a_slash_that_was_sent_as_2f_arrives_as_it_was_sent(front, alice, bob):
    published(alice, "@alice/secret")
    assert fetch(front, "@alice/secret/-/secret-1.0.0.tgz", bob.token)[0] == 404
    for slash in ("%2f", "%2F", "/"):
        assert fetch(front, f"@alice{slash}secret", bob.token)[0] == 404
        assert fetch(front, f"@alice{slash}secret", alice.token)[0] == 200
    status, body, headers = fetch(front, "@alice%2fsecret", bob.token)
    assert headers["Content-Type"] == "application/json"
    assert "error" in json.loads(body)


def test_links_say_the_address_that_the_client_used(front, alice):
    published(alice, "@alice/linked", access="public")
    document = json.loads(fetch(front, "@alice%2flinked")[1])
    assert document["versions"]["1.0.0"]["dist"]["tarball"].startswith(front.registry)


def test_an_upload_that_is_too_large_is_refused_in_json_before_it_is_sent(front, behind, alice):
    before = sorted((behind.data_dir / "spool").iterdir())
    line = http.client.HTTPConnection(urlsplit(front.url).netloc, timeout=30)
    line.putrequest("PUT", "/npm/@alice%2fhuge")
    for name, text in {
        "Authorization": f"Bearer {alice.token}",
        "Content-Type": "application/json",
        "Content-Length": str(2**30),
    }.items():
        line.putheader(name, text)
    line.endheaders()
    answer = line.getresponse()
    assert (answer.status, json.loads(answer.read())["code"]) == (413, "too_large")
    line.close()
    assert sorted((behind.data_dir / "spool").iterdir()) == before
    assert fetch(front, "@alice%2fhuge", alice.token)[0] == 404


def test_a_lost_tarball_is_a_503(front, behind, alice):
    published(alice, "@alice/lost", access="public")
    before = fetch(behind, "@alice/lost/-/lost-1.0.0.tgz")[2]["X-Accel-Redirect"]
    (behind.data_dir / "blobs" / before.removeprefix("/_blobs/")).unlink()
    status, _, headers = fetch(front, "@alice/lost/-/lost-1.0.0.tgz")
    assert status == 503
    assert headers["Retry-After"]


def test_pages_and_their_files_come_through(front):
    status, page, _ = get(f"{front.url}/", **PAGE)
    assert status == 200
    style = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    assert get(f"{front.url}{style}")[0] == 200
    assert get(f"{front.url}/static/css/nothing.css")[0] == 404


@pytest.mark.parametrize("path", ["/npm/left-pad", "/npm/@acme%2fledger", "/-/ping"])
def test_while_the_registry_is_away_clients_are_told_to_come_back(away, path):
    for headers in ({}, PAGE):
        status, text, said = get(f"{away}{path}", **headers)
        assert (status, said["Retry-After"], said["Content-Type"]) == (503, "5", "application/json")
        assert json.loads(text)["code"] == "unavailable"


def test_while_the_registry_is_away_people_get_a_sentence(away):
    status, text, said = get(f"{away}/package/left-pad", **PAGE)
    assert (status, said["Retry-After"]) == (503, "5")
    assert said["Content-Type"].startswith("text/html")
    assert "Reload this page" in text


def test_the_background_worker_runs_apart(behind):
    """What WORKER=apart says: none of the processes that the registry started is one."""
    children = [each.read_text().split() for each in Path(f"/proc/{behind.pid}/task").glob("*/children")]
    if not children:
        pytest.skip("this system does not say which processes another one started")
    started = [Path(f"/proc/{pid}/cmdline").read_bytes() for pids in children for pid in pids]
    assert started
    assert not [words for words in started if b"work" in words.split(b"\0")]
