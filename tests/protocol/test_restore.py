"""A registry is backed up while people publish, burns down, and comes back on another machine."""

from __future__ import annotations

import pytest

from tests.live import app, fetch, make, send
from tests.tools import payloads, prepared
from tests.tools.server import Registry
from tests.tools.visitor import Person, Visitor, password_login, sign_up

pytestmark = pytest.mark.protocol


def again(alice: Person, registry: Registry) -> Person:
    """The same person at the registry that came back, logged in anew."""
    return Person(registry, "alice", Visitor(registry.url), password_login(registry, "alice"), alice.home)


@pytest.mark.timeout(600)
def test_what_was_published_is_installed_after_a_restore_elsewhere(tmp_path):
    backups, ledger = str(tmp_path / "backups"), (tmp_path / "ledger").as_uri()
    with Registry({"RATE_LIMITS": "off", "LEDGER_URL": ledger}) as first:
        alice = sign_up(first, "alice", tmp_path / "alice")
        hers = alice.client()
        hers.run("publish", cwd=make(hers, "@alice/kept"))
        assert "1 tarballs" in first.manage("backup", backups, "--keys").stdout
        send(alice, "PUT", "@alice%2fkept", payloads.publish_body("@alice/kept", "1.1.0"))
        assert "Everything" in first.manage("verify").stdout
        signed_with = fetch(first, "-/npm/v1/keys")[1]

    elsewhere = Registry({"RATE_LIMITS": "off", "LEDGER_URL": ledger}, tmp_path / "elsewhere")
    prepared.copy_into(elsewhere.data_dir, elsewhere.environ)
    told = elsewhere.manage("restore", backups, "--keys").stdout
    assert "@alice/kept@1.1.0" in told
    with elsewhere as second:
        assert fetch(second, "@alice%2fkept", alice.token)[0] == 401
        back = again(alice, second)
        client = back.client()
        project = app(client)
        client.run("install", "@alice/kept", cwd=project)
        assert (project / "node_modules/@alice/kept/package.json").is_file()
        assert fetch(second, "-/npm/v1/keys")[1] == signed_with, "what was signed is still good"
        other = payloads.publish_body("@alice/kept", "1.1.0", description="other bytes")
        assert fetch(second, "@alice%2fkept", back.token, "PUT", other, content_type="application/json")[0] == 403
        send(back, "PUT", "@alice%2fkept", payloads.publish_body("@alice/kept", "1.1.0"))
        assert "Everything" in second.manage("verify").stdout
