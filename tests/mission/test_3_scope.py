"""Each sentence of npm's page about scopes that promises something.

Not yet: a package of the public registry beside ours from one address.
"""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.live import app, fetch, make, web_login
from tests.tools.server import Registry
from tests.tools.visitor import sign_up


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    """Another registry, for the scopes that are not ours."""
    with Registry({"RATE_LIMITS": "off"}) as running:
        yield running


@pytest.mark.parametrize("name", [".hidden", "_private", "has space", "UPPER", "perc%nt"])
def test_a_scope_follows_the_usual_rules_for_package_names(join, name):
    alice = join("alice")
    done = alice.browser.submit("/org/new", name=name, title="")
    assert done.address.endswith("/org/new") or done.address.endswith(f"/org/{name.lower()}/members")
    assert (name == "UPPER") is done.address.endswith("/members")


def test_only_you_can_add_packages_in_your_scope(join):
    alice, bob = join("alice"), join("bob")
    his = bob.client()
    for name in (f"@{alice.name}/taken", "@nobody-has-this/x"):
        refused = his.run("publish", cwd=make(his, name), check=False)
        assert "may not publish to the scope" in refused.said
    assert alice.browser.get(f"/package/@{alice.name}/taken").status == 404


def test_unscoped_packages_can_depend_on_scoped_packages_and_vice_versa(join):
    alice = join("alice")
    hers, loose, scoped = alice.client(), f"{alice.name}-a", f"@{alice.name}/b"
    hers.run("publish", cwd=make(hers, scoped, dependencies={f"{alice.name}-c": "*"}))
    hers.run("publish", cwd=make(hers, f"{alice.name}-c"))
    hers.run("publish", cwd=make(hers, loose, dependencies={scoped: "*"}))
    project = app(hers)
    hers.run("install", loose, cwd=project)
    for name in (loose, scoped, f"{alice.name}-c"):
        assert (project / "node_modules" / name / "package.json").exists()


def test_scoped_packages_are_installed_to_a_sub_folder_and_required_by_it(join):
    alice = join("alice")
    hers = alice.client()
    names = [f"@{alice.name}/one", f"@{alice.name}/two"]
    for name in names:
        hers.run("publish", cwd=make(hers, name))
    project = hers.project({"name": "app", "version": "1.0.0", "dependencies": dict.fromkeys(names, "^1.0.0")})
    hers.run("install", cwd=project)
    assert sorted(path.name for path in (project / "node_modules" / f"@{alice.name}").iterdir()) == ["one", "two"]
    code = f"console.log(require('{names[0]}'))"
    said = subprocess.run([hers.words[0], "-e", code], cwd=project, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == names[0]


def test_access_public_with_the_initial_publication(join, registry):
    alice = join("alice")
    hers, name = alice.client(), f"@{alice.name}/open"
    hers.run("publish", "--access", "public", cwd=make(hers, name))
    assert fetch(registry, name)[0] == 200
    hers.run("publish", cwd=make(hers, name, "1.1.0"))
    assert fetch(registry, name)[0] == 200, "a later publish without the flag changes nothing"


@pytest.mark.parametrize("flags", [[], ["--access", "restricted"]])
def test_private_publishing_then_change_with_npm_access(join, registry, flags):
    alice = join("alice")
    hers, name = alice.client(), f"@{alice.name}/closed"
    hers.run("publish", *flags, cwd=make(hers, name))
    assert fetch(registry, name)[0] == 404
    hers.run("access", "set", "status=public", name)
    assert fetch(registry, name)[0] == 200


def test_scopes_have_a_many_to_one_relationship_with_registries(join, registry, second, tmp_path):
    """Two scopes from here, another from elsewhere, on one machine; publish and install follow the scope."""
    here, there = join("here"), sign_up(second, "there", tmp_path / "there")
    org = f"{here.name}-org"
    here.browser.submit("/org/new", name=org, title="")
    client = there.client()  # its default registry is the second one
    for scope in (here.name, org):
        client.run("config", "set", f"@{scope}:registry", registry.registry)
    nerf = registry.registry.partition(":")[2]
    client.run("config", "set", f"{nerf}:_authToken", here.token)
    names = {f"@{here.name}/a": registry, f"@{org}/b": registry, "@there/c": second}
    for name, holder in names.items():
        client.run("publish", "--access", "public", cwd=make(client, name))
        assert fetch(holder, name)[0] == 200
        assert fetch(second if holder is registry else registry, name)[0] == 404
    project = app(client)
    client.run("install", *names, cwd=project)
    lock = json.loads((project / "package-lock.json").read_text())["packages"]
    for name, holder in names.items():
        assert lock[f"node_modules/{name}"]["resolved"].startswith(holder.registry)


def test_associate_a_scope_with_a_registry_at_login(join, registry, second, tmp_path):
    here = join("here")
    client = sign_up(second, "elsewhere", tmp_path / "elsewhere").client()
    web_login(client, here.browser, f"--registry={registry.registry}", f"--scope=@{here.name}")
    client.run("publish", cwd=make(client, f"@{here.name}/tool"))
    assert here.browser.get(f"/package/@{here.name}/tool").status == 200
