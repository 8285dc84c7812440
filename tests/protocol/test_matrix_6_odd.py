"""Odd packages, published and installed by every client."""

from __future__ import annotations

import io
import random
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.live import fetch
from tests.protocol.matrix import Cast, Terminal, installed, row

GROUP = "Odd packages: published, then installed in another clean home"
MANY = 1000
BIG = 60 << 20
README = 5 << 20
PROGRAM = "#!/usr/bin/env node\nconsole.log('it ran')\n"


@pytest.fixture
def roundtrip(her, terminal, cast):
    """Publish with one terminal and install with another: gives back the project that has it."""

    def run(name: str, version: str = "1.0.0", *more: str, spec: str = "", files=None, **manifest) -> Path:
        her.publish(her.package(name, version, files, **manifest), *more)
        return terminal(cast.alice).add(f"{name}@{spec or version}")

    return run


@row("a scoped name with dots, dashes and underscores")
def test_name(roundtrip, cast):
    name = cast.name(base="some.name_with-all.js")
    assert installed(roundtrip(name), name)["version"] == "1.0.0"


@row("a prerelease")
def test_prerelease(roundtrip, cast):
    name = cast.name()
    assert installed(roundtrip(name, "1.0.0-beta.1", "--tag", "beta"), name)["version"] == "1.0.0-beta.1"


@row("build metadata in the version")
def test_build_metadata(roundtrip, cast):
    name = cast.name()
    assert installed(roundtrip(name, "1.2.3+build.5", spec="1.2.3"), name)["version"] in ("1.2.3", "1.2.3+build.5")
    assert list(cast.document(name)["versions"]) == ["1.2.3"]


@pytest.fixture(scope="session")
def many(cast: Cast) -> str:
    """A package with 999 versions."""
    return cast.seed(None, *(f"1.0.{number}" for number in range(MANY - 1)))


@row("a package with 1,000 versions")
def test_many_versions(her, terminal, cast, many):
    number = f"2.{len(cast.document(many)['versions'])}.0"
    her.publish(her.package(many, number))
    assert len(cast.document(many)["versions"]) >= MANY
    for version in ("1.0.0", f"1.0.{MANY - 2}", number):
        assert installed(terminal(cast.alice).add(f"{many}@{version}"), many)["version"] == version


@row("a readme of 5 MB")
def test_readme(roundtrip, cast):
    name = cast.name()
    readme = "# A long story\n\n" + "And then it went on.\n\n" * (README // 22)
    project = roundtrip(name, files={"README.md": readme})
    assert (project / "node_modules" / name / "README.md").read_text() == readme


@row("unicode in names of files, texts and people")
def test_unicode(roundtrip, cast):
    name = cast.name()
    text = "Grüße, 世界 🎉"
    files = {"README.md": f"# {text}\n", "größe-世界.txt": text}
    project = roundtrip(name, files=files, description=text, author="Zoë 张", keywords=["schön", "世界"])
    assert installed(project, name)["description"] == text
    assert (project / "node_modules" / name / "größe-世界.txt").read_text() == text
    assert cast.document(name)["versions"]["1.0.0"]["description"] == text


@row("bundled dependencies: publish")
def test_publish_bundled(her, cast):
    name, inner = cast.name(), cast.seed(cast.name(scope=""))
    files, manifest = _bundle(inner)
    folder = her.package(name, "1.0.0", files, **manifest)
    if her.kind[0] == "pnpm":
        (folder / ".npmrc").write_text("node-linker=hoisted\n")  # pnpm bundles from such folders only
    her.publish(folder)
    assert cast.document(name)["versions"]["1.0.0"]["bundleDependencies"] == [inner]
    status, packed, _ = fetch(cast.registry, f"{name}/-/{name.split('/')[1]}-1.0.0.tgz", cast.alice.token)
    assert status == 200
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert f"package/node_modules/{inner}/index.js" in tar.getnames(), "the bundle was left out"


@row("bundled dependencies: install")
def test_install_bundled(her, cast):
    files, manifest = _bundle("inner-of-nobody")  # in the tarball only, no registry has it
    name = cast.seed(None, files=files, **manifest)
    assert _required(her, her.add(name), name) == "inner"


@row("programs (bin)")
def test_bin(roundtrip, cast):
    name = cast.name()
    project = roundtrip(name, files={"cli.js": PROGRAM, "two.js": PROGRAM}, bin={"one": "cli.js", "two": "./two.js"})
    for program in ("one", "two"):
        ran = subprocess.run([project / "node_modules/.bin" / program], capture_output=True, text=True, check=True)
        assert ran.stdout.strip() == "it ran"


@row("peer and optional dependencies")
def test_peers(her, terminal, cast):
    peer, optional, name = cast.seed(), cast.seed(cast.name(scope="")), cast.name()
    her.publish(
        her.package(
            name,
            peerDependencies={peer: "^1.0.0", "not-there-at-all": "*"},
            peerDependenciesMeta={"not-there-at-all": {"optional": True}},
            optionalDependencies={optional: "^1.0.0"},
        )
    )
    manifest = cast.document(name)["versions"]["1.0.0"]
    assert manifest["peerDependencies"][peer] == "^1.0.0"
    assert manifest["optionalDependencies"] == {optional: "^1.0.0"}
    his = terminal(cast.alice)
    project = his.app()
    his.add(peer, project)
    his.add(name, project)
    assert installed(project, name)["version"] == "1.0.0"
    assert list(project.glob(f"node_modules/**/{optional}/package.json"))


@row("os, cpu and libc: what does not fit is left out")
def test_platform(her, terminal, cast):
    fits, other, name = cast.name(), cast.name(), cast.name()
    her.publish(her.package(fits, os=["linux", "darwin"], cpu=["x64", "arm64"], libc=["glibc"]))
    assert cast.document(fits)["versions"]["1.0.0"]["libc"] == ["glibc"]
    cast.seed(other, os=["aix"], cpu=["ppc64"])
    her.publish(her.package(name, optionalDependencies={fits: "1.0.0", other: "1.0.0"}))
    project = terminal(cast.alice).add(name)
    assert list(project.glob(f"node_modules/**/{fits}/package.json"))
    assert not list(project.glob(f"node_modules/**/{other}/package.json"))


@row("an install script")
def test_install_script(roundtrip, cast):
    name = cast.name()
    script = "require('fs').writeFileSync('ran', '')"
    project = roundtrip(name, files={"after.js": script}, scripts={"postinstall": "node after.js"})
    assert installed(project, name)["scripts"] == {"postinstall": "node after.js"}
    assert cast.document(name)["versions"]["1.0.0"]["scripts"] == {"postinstall": "node after.js"}
    short = cast.send("GET", name.replace("/", "%2f"), accept="application/vnd.npm.install-v1+json")
    assert short["versions"]["1.0.0"]["hasInstallScript"] is True


@row("a deprecated version: installed, with its warning")
def test_deprecated(her, cast):
    name = cast.seed()
    known = cast.document(name)
    known["versions"]["1.0.0"]["deprecated"] = "take the other one"
    cast.send("PUT", name.replace("/", "%2f"), known)
    project = her.app()
    said = her("add", cwd=project, package=name).said
    assert installed(project, name)["version"] == "1.0.0"
    assert "take the other one" in said, f"it does not say it: {said}"


@row("a tarball of 60 MB")
def test_big(her, terminal, cast, tmp_path):
    name = cast.name()
    noise = random.Random(name).randbytes(BIG)  # which no compression makes smaller
    try:
        her.publish(her.package(name, files={"noise.bin": noise}))
        project = terminal(cast.alice).add(name)
        assert (project / "node_modules" / name / "noise.bin").read_bytes() == noise
    finally:
        shutil.rmtree(tmp_path, ignore_errors=True)


def _bundle(inner: str) -> tuple[dict[str, str], dict]:
    files = {
        f"node_modules/{inner}/package.json": f'{{"name": "{inner}", "version": "1.0.0", "main": "index.js"}}',
        f"node_modules/{inner}/index.js": "module.exports = 'inner'",
        "index.js": f"module.exports = require('{inner}')",
    }
    return files, {"dependencies": {inner: "1.0.0"}, "bundleDependencies": [inner]}


def _required(mine: Terminal, project: Path, name: str) -> str:
    node = mine.client.home / ".programs/node"
    done = subprocess.run([node, "-p", f"require('{name}')"], cwd=project, capture_output=True, text=True, check=True)
    return done.stdout.strip()
