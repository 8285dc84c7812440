"""Publish and install, with every client."""

from __future__ import annotations

import re
import subprocess
import time

import pytest

from tests.protocol.matrix import Terminal, elsewhere, installed, lockfile, row
from tests.tools.homes import Failed

GROUP = "Publish and install"
OVER = "previously published version"


@row("publish a scoped package: private at first", core=True)
def test_publish_scoped(her, cast):
    name = cast.name()
    her.publish(her.package(name))
    assert cast.status(name) == 404
    dist = cast.document(name)["versions"]["1.0.0"]["dist"]
    assert dist["tarball"] == f"{cast.registry.registry}{name}/-/{name.split('/')[1]}-1.0.0.tgz"
    assert cast.document(name)["dist-tags"] == {"latest": "1.0.0"}


@row("publish a package without a scope: public")
def test_publish_unscoped(her, cast):
    name = cast.name(scope="")
    her.publish(her.package(name))
    assert cast.status(name) == 200


@row("publish --access public")
def test_publish_public(her, cast):
    name = cast.name()
    her.publish(her.package(name), "--access", "public")
    assert cast.status(name) == 200


@row("publish --access restricted")
def test_publish_restricted(her, cast):
    name = cast.name()
    her.publish(her.package(name), "--access", "restricted")
    assert cast.status(name) == 404
    assert cast.status(name, cast.alice) == 200


@row("publish --tag next: latest stays")
def test_publish_tag(her, cast):
    name = cast.seed()
    her.publish(her.package(name, "1.1.0-rc.1"), "--tag", "next")
    assert cast.document(name)["dist-tags"] == {"latest": "1.0.0", "next": "1.1.0-rc.1"}


@row("publish a version again: refused with the reason", core=True)
def test_publish_again(her, cast):
    name = cast.seed()
    again = her.publish(her.package(name, description="other bytes"), check=False)
    assert again.code != 0
    assert OVER in again.said, again.said


@row("install a scoped and an unscoped package")
def test_install(her, cast):
    scoped, loose = cast.seed(), cast.seed(cast.name(scope=""))
    project = her.app()
    for name in (scoped, loose):
        her.add(name, project)
        assert installed(project, name)["version"] == "1.0.0"
    required = subprocess.run(
        [her.client.environ["HOME"] + "/.programs/node", "-p", f"require('{scoped}') + require('{loose}')"],
        cwd=project, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert required.stdout.strip() == scoped + loose


@row("install from the lockfile, in another clean home", core=True)
def test_reinstall(her, terminal, cast):
    name = cast.seed(cast.name(), files={"index.js": "1"}, dependencies={cast.seed(cast.name(scope="")): "^1.0.0"})
    project = her.add(name)
    if her.kind == ("npm", 2):
        her.client.run("shrinkwrap", cwd=project)
    locked = (project / lockfile(her.kind)).read_text()
    assert len(re.findall("https?://", locked)) == locked.count(cast.registry.registry), locked
    cast.seed(name, "1.1.0")  # which the lockfile keeps out
    other = terminal(cast.alice)
    fresh = elsewhere(project, other)
    other("reinstall", cwd=fresh)
    assert installed(fresh, name)["version"] == "1.0.0"


@row("install what was published a moment ago, with the client's own settings")
def test_young(her, terminal, cast):
    name = cast.seed()
    for mine in (her, other := terminal(cast.alice)):  # which install young packages elsewhere in these tests
        (mine.client.home / ".config/pnpm/config.yaml").unlink(missing_ok=True)
        if mine.kind == ("yarn", 4):
            settings = mine.client.home / ".yarnrc.yml"
            settings.write_text(settings.read_text().replace("npmMinimalAgeGate: 0\n", ""))
    project = her.add(name)
    if her.kind != ("npm", 2):
        other("reinstall", cwd=elsewhere(project, other))
    assert installed(project, name)["version"] == "1.0.0"


@row("install by version, by range and by tag")
def test_install_specs(her, cast):
    name = cast.seed(None, "1.0.0", "1.2.0", "2.0.0")
    cast.seed(name, "3.0.0-beta.1", tag="beta")
    for spec, expected in (("1.0.0", "1.0.0"), ("^1.0.0", "1.2.0"), ("beta", "3.0.0-beta.1"), ("latest", "2.0.0")):
        assert installed(her.add(f"{name}@{spec}"), name)["version"] == expected


@row("update to a newer version")
def test_update(her, cast):
    name = cast.seed()
    project = her.add(name)
    cast.seed(name, "1.3.0")
    time.sleep(2)  # npm does not ask again for what it was told in the same second
    her("update", cwd=project, package=name)
    assert installed(project, name)["version"] == "1.3.0"


@row("run a package's program without installing it")
def test_run(her, cast):
    name = cast.name(base="program")
    cast.seed(
        name, files={"cli.js": "#!/usr/bin/env node\nconsole.log('it ran')\n"}, bin={name.split("/")[1]: "cli.js"}
    )
    assert "it ran" in her("run", cwd=her.app(), package=name).stdout


@row("install a private package: nobody is told that there is none")
def test_install_by_nobody(terminal, cast):
    _refused(terminal(), cast.seed())


@row("install a private package: a stranger is told that there is none")
def test_install_by_stranger(terminal, cast):
    _refused(terminal(cast.carol), cast.seed())


@row("install a private package: a reader can, and cannot publish")
def test_install_by_reader(his, cast):
    org, name = _in_a_team(cast, "read-only")
    assert installed(his.add(name), name)["version"] == "1.0.0"
    refused = his.publish(his.package(name, "1.1.0"), check=False)
    assert refused.code != 0
    assert "publishing needs read-write access" in refused.said, refused.said
    assert list(cast.document(name)["versions"]) == ["1.0.0"]


@row("install a private package: a writer can, and can publish")
def test_install_by_writer(his, cast):
    org, name = _in_a_team(cast, "read-write")
    assert installed(his.add(name), name)["version"] == "1.0.0"
    his.publish(his.package(name, "1.1.0"))
    assert list(cast.document(name)["versions"]) == ["1.0.0", "1.1.0"]


@row("install with a token that was revoked: refused, public packages too")
def test_install_with_a_dead_token(terminal, cast):
    name = cast.seed(cast.name(), access="public")
    mine = terminal()
    mine.client.login_token("npm_" + "x" * 48)
    refused = mine("add", cwd=mine.app(), check=False, package=name)
    assert refused.code != 0
    assert any(word in refused.said for word in ("401", "not known here", "authentication")), refused.said


def _refused(mine: Terminal, name: str) -> None:
    project = mine.app()
    with pytest.raises(Failed) as failure:
        mine.add(name, project)
    assert any(word in str(failure.value) for word in ("404", "ound", "o such package")), failure.value
    assert not (project / "node_modules" / name).exists()


def _in_a_team(cast, permission: str) -> tuple[str, str]:
    org = cast.org()
    name = cast.seed(cast.name(scope=org))
    cast.send("PUT", f"-/org/{org}/user", {"user": cast.bob.name, "role": "developer"})
    cast.send("DELETE", f"-/team/{org}/developers/user", {"user": cast.bob.name})
    cast.send("PUT", f"-/org/{org}/team", {"name": "some"})
    cast.send("PUT", f"-/team/{org}/some/user", {"user": cast.bob.name})
    cast.send("PUT", f"-/team/{org}/some/package", {"package": name, "permissions": permission})
    return org, name
