"""The two tables of "npm package scope, access level, and visibility", row by row, with npm.

Every cell of them, on every surface, is in tests/policy.
"""

from __future__ import annotations

import pytest

from tests.live import app, make, send
from tests.tools.homes import Client
from tests.tools.server import Registry
from tests.tools.upstream_stub import UpstreamStub
from tests.tools.visitor import sign_up


def can_install(person, name: str) -> bool:
    client = person.client() if person else None
    return client.run("install", name, cwd=app(client), check=False).code == 0


def can_publish(person, name: str, version: str) -> bool:
    client = person.client()
    return client.run("publish", cwd=make(client, name, version), check=False).code == 0


@pytest.fixture(params=["public", "enterprise"])
def mode(request, registry, enterprise) -> Registry:
    return registry if request.param == "public" else enterprise


@pytest.mark.parametrize("level", ["restricted", "public"])
def test_org_packages(mode, join, level):
    alice, reader, writer, member, stranger = (
        join(name, mode) for name in ("alice", "reader", "writer", "member", "dave")
    )
    hers, org = alice.client(), f"{alice.name}-org"
    alice.browser.submit("/org/new", name=org, title="")
    name = f"@{org}/tool"
    hers.run("publish", "--access", level, cwd=make(hers, name))
    # What npm sends; its own commands are in tests/protocol/test_npm.py.
    for person in (reader, writer, member):
        send(alice, "PUT", f"-/org/{org}/user", {"user": person.name, "role": "developer"})
        send(alice, "DELETE", f"-/team/{org}/developers/user", {"user": person.name})
    for person, permission in ((reader, "read-only"), (writer, "read-write")):
        send(alice, "PUT", f"-/org/{org}/team", {"name": permission})
        send(alice, "PUT", f"-/team/{org}/{permission}/user", {"user": person.name})
        grant = {"package": name, "permissions": permission}
        send(alice, "PUT", f"-/team/{org}/{permission}/package", grant)
    assert [can_install(each, name) for each in (reader, writer)] == [True, True]
    assert [can_install(each, name) for each in (member, stranger)] == [level == "public"] * 2
    assert [can_publish(each, name, "1.1.0") for each in (reader, member, stranger, writer)] == [
        False,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("level", ["restricted", "public"])
def test_user_packages(mode, join, level):
    alice, reader, writer, stranger = (join(name, mode) for name in ("alice", "reader", "writer", "dave"))
    hers, name = alice.client(), f"@{alice.name}/tool"
    hers.run("publish", "--access", level, cwd=make(hers, name))
    form, page = f"/package/{name}/access/people", f"/package/{name}/access"
    for person, permission in ((reader, "read"), (writer, "write")):
        alice.browser.submit(form, page, user=person.name, permission=permission)
    assert [can_install(each, name) for each in (alice, reader, writer)] == [True, True, True]
    assert can_install(stranger, name) is (level == "public")
    assert [can_publish(each, name, "1.1.0") for each in (reader, stranger, writer)] == [False, False, True]
    assert can_publish(alice, name, "1.2.0")


def test_unscoped_packages_of_the_public_registry(join):
    alice, writer, stranger = join("alice"), join("writer"), join("dave")
    hers, name = alice.client(), f"{alice.name}-tool"
    hers.run("publish", cwd=make(hers, name))
    form, page = f"/package/{name}/access/people", f"/package/{name}/access"
    alice.browser.submit(form, page, user=writer.name, permission="write")
    assert can_install(stranger, name)
    assert [can_publish(each, name, "1.1.0") for each in (stranger, writer)] == [False, True]


def test_only_user_accounts_manage_unscoped_packages(join):
    """An org has no unscoped packages: whoever publishes one owns it as a person."""
    alice = join("alice")
    hers, org = alice.client(), f"{alice.name}-org"
    alice.browser.submit("/org/new", name=org, title="")
    hers.run("publish", cwd=make(hers, f"{alice.name}-tool"))
    refused = hers.run("access", "grant", "read-write", f"{org}:developers", f"{alice.name}-tool", check=False)
    assert refused.code != 0
    assert f"{alice.name}-tool" not in alice.browser.get(f"/org/{org}").text


def test_publishing_unscoped_packages_to_enterprise_is_refused(enterprise, join):
    alice = join("alice", enterprise)
    hers = alice.client()
    refused = hers.run("publish", cwd=make(hers, f"{alice.name}-tool"), check=False)
    assert "reserved for packages of the public registry" in refused.said


def test_unscoped_packages_of_the_public_registry_in_enterprise(tmp_path):
    """All users of the Enterprise registry view and download them, logged in or not; nobody publishes them."""
    with UpstreamStub() as upstream:
        upstream.publish("left-pad", "1.3.0")
        settings = {"RATE_LIMITS": "off", "REGISTRY_MODE": "enterprise", "REGISTRATION": "open", **upstream.environ}
        with Registry(settings) as registry:
            alice = sign_up(registry, "alice", tmp_path / "alice")
            hers, nobody = alice.client(), Client("npm", 12, tmp_path / "nobody", registry.registry)
            for client in (hers, nobody):
                project = app(client)
                client.run("install", "left-pad", cwd=project)
                assert (project / "node_modules/left-pad/package.json").is_file()
                assert "1.3.0" in client.run("view", "left-pad").said
            refused = hers.run("publish", cwd=make(hers, "left-pad", "2.0.0"), check=False)
            assert "reserved for packages of the public registry" in refused.said
            assert "1.3.0" in hers.run("view", "left-pad", "dist-tags.latest").said
