"""The commands and files of the Connect page do what they say, with each client in a home that knows nothing yet."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from types import SimpleNamespace

import pytest

from accounts import recipes, sightings
from accounts.recipes import Wish
from tests.live import fetch, make
from tests.protocol.test_matrix_4_accounts import converse
from tests.tools import clients
from tests.tools.homes import Client

pytestmark = pytest.mark.protocol
MAJORS = {"npm": ("npm", 12), "pnpm": ("pnpm", 12), "yarn": ("yarn", 4), "yarn1": ("yarn", 1), "bun": ("bun", 1)}
ADD = {"npm": "install", "pnpm": "add", "yarn": "add", "yarn1": "add", "bun": "add"}
PUBLISH = {
    "yarn": ["npm", "publish"],
    "yarn1": ["publish", "--new-version", "1.0.0"],
    "pnpm": ["publish", "--no-git-checks"],
}


class Machine:
    """A computer with one client, npm beside it, and no configuration at all."""

    def __init__(self, kind: str, home, registry: str) -> None:
        self.kind = kind
        self.client = Client(*MAJORS[kind], home, registry)
        for name in (".npmrc", ".yarnrc", ".yarnrc.yml", ".bunfig.toml"):
            (self.client.home / name).unlink(missing_ok=True)
        shutil.rmtree(self.client.home / ".config", ignore_errors=True)
        self.folder = self.client.project({"name": "app", "version": "1.0.0", "private": True}, {"yarn.lock": ""})
        self.environ = {**self.client.environ, "npm_config_cache": str(home / "cache")}

    def type(self, line: str, browser=None, **env: str) -> str:
        """Type one line at the shell; a login is approved in the browser."""
        words = shlex.split(line)
        if "login" in words:
            start = self.client.words if words[0] == self.client.name else clients.npm(12)
            more = {"npm": ["--no-browser"], "yarn": ["--web-login"]}.get(words[0], [])
            typed = SimpleNamespace(client=SimpleNamespace(words=start, environ=self.environ), app=lambda: self.folder)
            converse(typed, [*words[1:], *more], browser=browser)
            return ""
        done = subprocess.run(
            ["sh", "-c", line], cwd=self.folder, env={**self.environ, **env}, text=True, capture_output=True, timeout=99
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def has(self, name: str) -> bool:
        return os.path.exists(self.folder / "node_modules" / name / "package.json") or (
            name in (self.folder / "yarn.lock").read_text() and (self.folder / ".pnp.cjs").exists()
        )


@pytest.fixture
def shelf(join):
    """A person with a private package from a moment ago."""
    alice = join("alice")
    hers = alice.client()
    name = f"@{alice.name}/closed"
    hers.run("publish", cwd=make(hers, name))
    return alice, name


# With npm everything is tried each time; of the others, what one registry for all of it asks for.
CELLS = [
    pytest.param(kind, whole, id=f"{kind}-{word}", marks=() if whole or kind == "npm" else pytest.mark.matrix)
    for kind in recipes.CLIENTS
    for whole, word in ((True, "everything"), (False, "scope"))
]


@pytest.mark.parametrize(("kind", "whole"), CELLS)
def test_a_laptop(registry, shelf, tmp_path, kind, whole):
    alice, name = shelf
    machine = Machine(kind, tmp_path / "home", registry.registry)
    said = ""
    alice.browser.get("/connect")  # and from now on it waits
    time.sleep(sightings.REFRESH_SECONDS)  # a person needs as long to read the first line; pnpm runs them all in it
    for step in recipes.steps(Wish(kind, "laptop", "" if whole else alice.name), registry.registry):
        for line in step.text.splitlines():
            said += machine.type(line, alice.browser)
    assert alice.name in said  # whoami
    machine.type(f"{machine.client.name} {ADD[kind]} {name}")
    assert machine.has(name)
    shown = " ".join(alice.browser.get("/connect?since=1").text.split())
    assert f"as <strong>{alice.name}</strong> from {machine.client.name} {machine.client.major}" in shown
    mine = f"@{alice.name}/from-{kind}"
    (machine.folder / "package.json").write_text(f'{{"name": "{mine}", "version": "1.0.0"}}')
    if kind == "yarn":
        machine.type("yarn install")
    machine.type(" ".join([machine.client.name, *PUBLISH.get(kind, ["publish"])]))
    assert fetch(registry, mine.replace("/", "%2f"), alice.token)[0] == 200


@pytest.mark.parametrize(("kind", "whole"), CELLS)
def test_a_build_server(registry, shelf, tmp_path, kind, whole):
    alice, name = shelf
    machine = Machine(kind, tmp_path / "home", registry.registry)
    for step in recipes.steps(Wish(kind, "ci", "" if whole else alice.name), registry.registry):
        if step.file:
            (machine.folder / step.file).write_text(step.text)
    install = recipes.install(Wish(kind, "ci"), registry.registry)
    lock = install.replace(recipes.INSTALLS[kind], f"{machine.client.name} {ADD[kind]} {name}")
    machine.type(lock, NPM_TOKEN=alice.token)
    shutil.rmtree(machine.folder / "node_modules", ignore_errors=True)
    machine.type(install, NPM_TOKEN=alice.token)
    assert machine.has(name)
