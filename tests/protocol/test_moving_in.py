"""What npm published to a real verdaccio, or to another registry of ours, moves in and installs as it was."""

from __future__ import annotations

import json
import urllib.request

import pytest

from tests.live import app, fetch, make
from tests.tools.homes import Client
from tests.tools.server import DIRECT, Registry
from tests.tools.verdaccio import Verdaccio
from tests.tools.visitor import PASSWORD, sign_up

pytestmark = pytest.mark.protocol
RULES = {
    "@corp/open": {"access": "$all", "publish": "$authenticated"},
    "@corp/*": {"access": "bob", "publish": "bob"},
    "**": {"access": "$authenticated", "publish": "$authenticated"},
}


def account(verdaccio: Verdaccio, name: str) -> str:
    """A token of a new account there."""
    body = json.dumps({"name": name, "password": PASSWORD}).encode()
    url = f"{verdaccio.url}/-/user/org.couchdb.user:{name}"
    asked = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="PUT")
    with DIRECT.open(asked, timeout=60) as answer:
        return json.load(answer)["token"]


def published(client: Client, name: str, *numbers: str) -> None:
    for number in numbers:
        client.run("publish", cwd=make(client, name, number))


def document(client: Client, name: str) -> dict:
    found = client.run("view", name, "--json", "time", "dist-tags", "dist.integrity", "deprecated", "versions").json
    return found[0] if isinstance(found, list) else found


@pytest.fixture(scope="module")
def registry():
    """A registry that may call the other one on this machine."""
    with Registry({"RATE_LIMITS": "off", "EGRESS_ALLOWED_NETWORKS": "127.0.0.0/8"}) as running:
        yield running


def test_a_verdaccio_moves_in(registry, tmp_path, npm_or_skip):
    npm_or_skip(12)
    empty = tmp_path / "empty"
    empty.mkdir()
    alice = sign_up(registry, "alice", tmp_path / "alice")
    bob = sign_up(registry, "bob", tmp_path / "bob")
    with Verdaccio(empty, {"packages": RULES, "auth": {"htpasswd": {"file": "./htpasswd"}}}) as verdaccio:
        there = Client("npm", 12, tmp_path / "there", f"{verdaccio.url}/", account(verdaccio, "bob"))
        published(there, "@corp/open", "1.0.0", "1.1.0")
        published(there, "@corp/shut", "2.0.0")
        there.run("dist-tag", "add", "@corp/open@1.0.0", "old")
        there.run("deprecate", "@corp/open@1.0.0", "use 1.1.0")
        before = document(there, "@corp/open@1.0.0")
        told = registry.manage("import_verdaccio", str(verdaccio.storage.parent), "--owner", "alice").stdout
        assert "3 versions came in" in told
        assert "3 by sha512" in told
        assert "here already: 3" in registry.manage("import_verdaccio", str(verdaccio.storage.parent)).stdout
    stranger = Client("npm", 12, tmp_path / "stranger", registry.registry)
    after = document(stranger, "@corp/open@1.0.0")
    for key in ("dist-tags", "dist.integrity", "deprecated", "versions"):
        assert after[key] == before[key]
    assert after["time"]["1.0.0"] == before["time"]["1.0.0"]
    for person in (alice, bob):
        here = Client("npm", 12, tmp_path / f"{person.name}-home", registry.registry, person.token)
        folder = app(here)
        here.run("install", "@corp/open@old", "@corp/shut", cwd=folder)
        locked = json.loads((folder / "package-lock.json").read_text())["packages"]
        assert locked["node_modules/@corp/open"]["integrity"] == before["dist.integrity"]
    assert fetch(registry, "@corp%2fshut")[0] == 404


def test_one_registry_of_ours_moves_into_another(registry, tmp_path, npm_or_skip):
    npm_or_skip(12)
    uma = sign_up(registry, "uma", tmp_path / "uma")
    with Registry({"RATE_LIMITS": "off"}) as other:
        she = sign_up(other, "uma", tmp_path / "she")
        there = Client("npm", 12, tmp_path / "there", other.registry, she.token)
        published(there, "@uma/shut", "1.0.0", "1.0.1")
        there.run("publish", "--access", "public", cwd=make(there, "@uma/open"))
        there.run("dist-tag", "add", "@uma/shut@1.0.0", "old")
        before = document(there, "@uma/shut@1.0.1")
        words = ("import_registry", other.registry, "--scope", "@uma", "--token", she.token, "--same-people")
        assert "3 versions would come in" in registry.manage(*words, "--dry-run").stdout
        assert "3 versions came in" in registry.manage(*words).stdout
        assert "here already: 3" in registry.manage(*words).stdout
    here = Client("npm", 12, tmp_path / "here", registry.registry, uma.token)
    assert document(here, "@uma/shut@1.0.1") == before
    assert fetch(registry, "@uma%2fshut")[0] == 404
    assert fetch(registry, "@uma%2fopen")[0] == 200


def test_a_folder_of_packed_tarballs_moves_in(registry, tmp_path, npm_or_skip):
    npm_or_skip(12)
    vera = sign_up(registry, "vera", tmp_path / "vera")
    here = Client("npm", 12, tmp_path / "here", registry.registry, vera.token)
    folder = tmp_path / "packed"
    folder.mkdir()
    here.run("pack", "--pack-destination", str(folder), cwd=make(here, "@vera/packed"))
    assert "1 versions came in" in registry.manage("import_tarballs", str(folder)).stdout
    here.run("install", "@vera/packed", cwd=app(here))
