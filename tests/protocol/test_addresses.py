"""Each way to write a package's address means the same package, on every route; as people with curl find out."""

from __future__ import annotations

import json

import pytest

from tests.live import fetch
from tests.tools import payloads

pytestmark = pytest.mark.protocol
SHORT = "application/vnd.npm.install-v1+json"
SPELLINGS = ("@{scope}/{base}", "@{scope}%2f{base}", "@{scope}%2F{base}", "%40{scope}%2F{base}", "%40{scope}/{base}")


@pytest.fixture(params=SPELLINGS)
def spelled(request, registry, join):
    """A private package with one version: (its owner, its name, its name as this test writes it in addresses)."""
    alice = join("alice")
    name = f"@{alice.name}/odd.name"
    body = payloads.publish_body(name, "1.0.0")
    assert fetch(registry, name, alice.token, "PUT", body, content_type="application/json")[0] == 201
    return alice, name, request.param.format(scope=alice.name, base="odd.name")


def test_reading(registry, spelled):
    alice, name, spelling = spelled
    for path in (
        spelling,
        f"{spelling}/1.0.0",
        f"{spelling}/latest",
        f"{spelling}/-/odd.name-1.0.0.tgz",
        f"-/package/{spelling}/dist-tags",
        f"-/package/{spelling}/visibility",
        f"-/package/{spelling}/access",
        f"-/package/{spelling}/collaborators",
    ):
        status, body, headers = fetch(registry, path, alice.token)
        assert status == 200, path
        status, nothing, same = fetch(registry, path, alice.token, "HEAD")
        assert (status, nothing) == (200, b""), path
        assert same["Content-Length"] in (None, str(len(body))), path
        assert fetch(registry, path)[0] == 404, f"{path} shows a private package"
    assert json.loads(fetch(registry, spelling, alice.token)[1])["name"] == name


def test_writing(registry, spelled):
    alice, name, spelling = spelled

    def send(method, path, body=None):
        status, answer, _ = fetch(registry, path, alice.token, method, body, content_type="application/json")
        assert status in (200, 201), f"{method} {path}: {answer!r}"

    send("PUT", spelling, payloads.publish_body(name, "1.1.0"))
    send("PUT", f"-/package/{spelling}/dist-tags/old", "1.0.0")
    send("DELETE", f"-/package/{spelling}/dist-tags/old")
    send("POST", f"-/package/{spelling}/access", {"access": "public"})
    known = json.loads(fetch(registry, f"{spelling}?write=true", alice.token)[1])
    assert list(known["versions"]) == ["1.0.0", "1.1.0"]
    known["versions"]["1.0.0"]["deprecated"] = "use 1.1"
    send("PUT", spelling, known)
    known = json.loads(fetch(registry, f"{spelling}?write=true", alice.token)[1])
    assert known["versions"]["1.0.0"]["deprecated"] == "use 1.1"
    del known["versions"]["1.0.0"]
    send("PUT", f"{spelling}/-rev/{known['_rev']}", known)
    rev = json.loads(fetch(registry, spelling, alice.token)[1])["_rev"]
    send("DELETE", f"{spelling}/-/odd.name-1.0.0.tgz/-rev/{rev}")
    send("DELETE", f"{spelling}/-rev/{rev}")
    assert fetch(registry, name, alice.token)[0] == 404


def test_a_known_document_is_not_sent_again(registry, spelled):
    alice, _, spelling = spelled
    tags = {}
    for accept in (SHORT, "application/json"):
        _, _, headers = fetch(registry, spelling, alice.token, accept=accept)
        tags[accept] = headers["ETag"]
        status, body, again = fetch(registry, spelling, alice.token, accept=accept, if_none_match=headers["ETag"])
        assert (status, body) == (304, b"")
        assert "Accept" in again["Vary"]
        assert "Authorization" in again["Vary"]
    assert tags[SHORT] != tags["application/json"]
    assert fetch(registry, spelling, alice.token, accept=SHORT, if_none_match=tags["application/json"])[0] == 200
