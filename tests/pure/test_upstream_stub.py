"""The upstream registry of the tests itself: what it serves, how it fails, and what it remembers."""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.error
import urllib.request

import pytest

from tests.tools.upstream_stub import SHORT, UpstreamStub, integrity

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
TARBALL = "/@types/node/-/node-1.0.0.tgz"


@pytest.fixture
def stub():
    with UpstreamStub() as running:
        yield running


def get(stub: UpstreamStub, path: str, **headers: str):
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    with DIRECT.open(urllib.request.Request(stub.url + path, headers=sent), timeout=60) as answer:
        return answer.read(), answer.headers


def ask_again(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/left")
    connection.getresponse()


def test_it_lists_what_was_published_in_both_forms_and_has_its_bytes(stub):
    data = stub.publish("@types/node", "1.0.0", scripts={"install": "true"}, description="types")
    full = json.loads(get(stub, "/@types%2fnode")[0])
    short, headers = get(stub, "/@types/node", accept=f"{SHORT}; q=1.0, */*")
    dist = full["versions"]["1.0.0"]["dist"]
    assert dist["tarball"] == stub.url + TARBALL
    assert dist["integrity"] == integrity(data) == integrity(get(stub, TARBALL)[0])
    assert full["description"] == "types"
    assert "description" not in json.loads(short)
    assert json.loads(short)["versions"]["1.0.0"]["hasInstallScript"] is True
    assert get(stub, "/@types/node", accept_encoding="gzip")[0][:2] == b"\x1f\x8b"
    with pytest.raises(urllib.error.HTTPError, match="304"):
        get(stub, "/@types/node", accept=SHORT, if_none_match=headers["ETag"])
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(stub, "/missing")
    assert [each.path for each in stub.requests][:3] == ["/@types/node", "/@types/node", TARBALL]
    assert stub.requests[0].raw == "/@types%2fnode"
    assert stub.heard("@TYPES/node")
    assert not stub.heard("@acme")


def test_versions_and_packages_go_and_documents_come_back(stub):
    stub.publish("left", "1.0.0")
    before = stub.document("left")
    stub.publish("left", "2.0.0")
    stub.remove("left", "2.0.0")
    assert stub.document("left")["dist-tags"] == {"latest": "1.0.0"}
    stub.edit("left", lambda document: document["versions"]["1.0.0"]["dist"].pop("integrity"))
    assert b"sha512" not in get(stub, "/left")[0]
    stub.put("left", before)
    assert b"sha512" in get(stub, "/left")[0]
    stub.remove("left")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(stub, "/left")


def test_every_fault_is_what_it_says(stub):
    data = stub.publish("left", "1.0.0")
    path = "/left/-/left-1.0.0.tgz"
    stub.fault(path, cut=10)
    with pytest.raises(http.client.IncompleteRead):
        get(stub, path)
    stub.fault(path, length=len(data) + 1)
    with pytest.raises(http.client.IncompleteRead):
        get(stub, path)
    stub.fault(path, status=503, times=1)
    with pytest.raises(urllib.error.HTTPError, match="503"):
        get(stub, path)
    assert get(stub, path)[0] == data
    stub.fault(path, body=b"<html>", headers={"Content-Type": "text/html"})
    assert get(stub, path)[0] == b"<html>"
    stub.fault(path, huge=3 << 20)
    assert len(get(stub, path)[0]) == 3 << 20
    stub.fault(path, body=b"slow", drip=0.02)
    started = time.monotonic()
    assert get(stub, path)[0] == b"slow"
    assert time.monotonic() - started > 0.06
    with UpstreamStub("localhost") as other:
        other.publish("left", "1.0.0")
        stub.fault(path, status=302, headers={"Location": other.url + path})
        assert get(stub, path)[0] == data
        assert other.asked(path)
    gate = threading.Event()
    stub.fault(path, gate=gate)
    threading.Timer(0.05, gate.set).start()
    assert get(stub, path)[0] == data
    stub.heal()
    assert get(stub, path)[0] == data


def test_a_stopped_one_refuses_and_comes_back_on_its_port(stub):
    stub.publish("left", "1.0.0")
    connection = http.client.HTTPConnection("127.0.0.1", stub.port, timeout=60)
    connection.request("GET", "/left")
    assert connection.getresponse().read()
    stub.stop()
    connection.auto_open = False
    with pytest.raises((OSError, http.client.HTTPException)):
        ask_again(connection)
    with pytest.raises(urllib.error.URLError):
        get(stub, "/left")
    stub.start()
    assert get(stub, "/left")


def test_it_answers_audits_and_searches(stub):
    stub.publish("left", "1.0.0", description="pads")
    stub.advisories["left"] = [{"id": 1, "severity": "high"}]
    request = urllib.request.Request(
        f"{stub.url}/-/npm/v1/security/advisories/bulk", b'{"left": ["1.0.0"], "right": ["1.0.0"]}', method="POST"
    )
    assert list(json.loads(DIRECT.open(request, timeout=60).read())) == ["left"]
    found = json.loads(get(stub, "/-/v1/search?text=pads&size=5")[0])
    assert [each["package"]["name"] for each in found["objects"]] == ["left"]
