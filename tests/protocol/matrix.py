"""Rows of the table in docs/clients.md: a test each, run with every client.

    @row("owner add")
    def test_owner_add(her, seed, cast): ...

A cell passes when its test does. Where limits.py names a limit of that client, the test has to fail, in the words that
stand there; so each run shows a limit with the real client, and finds one that is gone.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live import fetch
from tests.protocol import dialects
from tests.tools import payloads
from tests.tools.homes import Client, Completed
from tests.tools.server import Registry
from tests.tools.visitor import Person

LOCKFILES = {"npm": "package-lock.json", "pnpm": "pnpm-lock.yaml", "yarn": "yarn.lock", "bun": "bun.lock"}
CORE = (("npm", 2), ("pnpm", 12), ("yarn", 4), ("yarn", 1), ("bun", 1))  # with these, `make test` runs the core rows


def row(name: str, *, core: bool = False):
    """A test that is a row of the table: it runs with every client, as `kind`. core: part of `make test`, too."""
    return pytest.mark.row(name, core)


@dataclass(frozen=True)
class Terminal:
    """One person's client in a clean home, spoken to in the words of dialects.py."""

    client: Client

    @property
    def kind(self) -> tuple[str, int]:
        return self.client.name, self.client.major

    def __call__(
        self, command: str, *more: str, cwd: Path | None = None, check: bool = True, env=None, **parts: str
    ) -> Completed:
        """Run a command of dialects.WORDS with `parts` filled in; `more` is put behind it."""
        said = dialects.words(self.kind, command, **parts)
        if said[0] == "npx":  # a program of its own, beside npm
            beside = Terminal(_npx(self.client))
            return beside.client.run(*said[1:], *more, cwd=cwd, check=check, env=env)
        return self.client.run(*said, *more, cwd=cwd, check=check, env=env)

    def package(
        self, name: str, version: str = "1.0.0", files: Mapping[str, str | bytes] | None = None, **more
    ) -> Path:
        """A folder with a package, ready to be published."""
        manifest = {"name": name, "version": version, "main": "index.js", **more}
        return self._rooted(
            self.client.project(manifest, {"index.js": f"module.exports = '{name}'\n", **(files or {})})
        )

    def app(self, **more) -> Path:
        """A folder with an app that installs packages."""
        return self._rooted(self.client.project({"name": "app", "version": "1.0.0", "private": True, **more}))

    def publish(self, folder: Path, *more: str, check: bool = True) -> Completed:
        """`npm publish` in the words of this client."""
        if self.kind == ("yarn", 4):
            self("install", cwd=folder)  # yarn publishes from a project that it has set up
        return self("publish", *more, cwd=folder, check=check)

    def add(self, spec: str, project: Path | None = None, *more: str, check: bool = True) -> Path:
        """Install `spec` in the project (a new one by default), which is given back."""
        project = project or self.app()
        self("add", *more, cwd=project, check=check, package=spec)
        return project

    def _rooted(self, folder: Path) -> Path:
        if self.kind == ("yarn", 4):
            (folder / "yarn.lock").touch()  # so that yarn takes the folder for a project of its own
        return folder


def _npx(client: Client) -> Client:
    beside = object.__new__(Client)
    beside.__dict__.update(client.__dict__)
    beside.words = [client.words[0], client.words[1].replace("npm-cli.js", "npx-cli.js")]
    return beside


class Cast:
    """The people of one registry: alice owns packages, bob is given some, carol is a stranger; org is alice's."""

    def __init__(self, registry: Registry, join) -> None:
        self.registry = registry
        self.alice: Person = join("alice")
        self.bob: Person = join("bob")
        self.carol: Person = join("carol")
        self._count = 0

    def name(self, *, scope: str | None = None, base: str = "pack") -> str:
        """A package name that nobody used yet, in alice's scope by default; scope="": without a scope."""
        self._count += 1
        scope = self.alice.name if scope is None else scope
        return f"@{scope}/{base}{self._count}" if scope else f"{self.alice.name}-{base}{self._count}"

    def org(self) -> str:
        """A new org that alice owns."""
        self._count += 1
        name = f"org-{self.alice.name}-{self._count}"
        page = self.alice.browser.submit("/org/new", name=name, title="Test")
        assert page.status == 200, page.text
        return name

    def send(self, method: str, path: str, body=None, *, who: Person | None = None, **headers: str):
        """A request of alice's, without any client; gives back the parsed answer."""
        headers = {"content_type": "application/json", **headers}
        status, answer, _ = fetch(self.registry, path, (who or self.alice).token, method, body, **headers)
        assert status in (200, 201), f"{method} {path}: {status} {answer[:300]!r}"
        return json.loads(answer or b"null")

    def seed(
        self, name: str | None = None, *versions: str, access: str | None = None, tag: str = "latest", **more
    ) -> str:
        """Put versions of a package there, without any client; gives back its name."""
        name = name or self.name()
        for version in versions or ("1.0.0",):
            body = payloads.publish_body(
                name, version, access=access, tag=tag, main="index.js", **with_files(name, more)
            )
            self.send("PUT", name.replace("/", "%2f"), body)
        return name

    def document(self, name: str, who: Person | None = None) -> dict:
        """The packument as the registry has it now."""
        return self.send("GET", name.replace("/", "%2f"), who=who)

    def collaborators(self, name: str) -> dict[str, str]:
        """Who has a right of their own, and which."""
        return self.send("GET", f"-/package/{name.replace('/', '%2f')}/collaborators")

    def own(self, name: str, person: Person) -> None:
        """Make the person an owner too (in a user's scope: give read-write)."""
        known = self.document(name)
        owners = [*known["maintainers"], {"name": person.name, "email": ""}]
        path = f"{name.replace('/', '%2f')}/-rev/{known['_rev']}"
        self.send("PUT", path, {"_id": name, "_rev": known["_rev"], "maintainers": owners})

    def status(self, path: str, who: Person | None = None) -> int:
        """What GET is answered with."""
        return fetch(self.registry, path, who and who.token)[0]


def with_files(name: str, more: dict) -> dict:
    """The options of payloads.publish_body with an index.js among the files."""
    files = {"index.js": f"module.exports = '{name}'\n", **more.pop("files", {})}
    return {**more, "files": files}


def installed(project: Path, name: str) -> dict:
    """The package.json of a package in the project's node_modules."""
    return json.loads((project / "node_modules" / name / "package.json").read_text())


def elsewhere(project: Path, terminal: Terminal) -> Path:
    """The same project without what was installed, at another terminal: its package.json and lockfile only."""
    fresh = terminal.client.project({})
    for file in ("package.json", lockfile(terminal.kind)):
        shutil.copy(project / file, fresh)
    return fresh


def lockfile(kind: tuple[str, int]) -> str:
    """What the client calls its lockfile."""
    return "npm-shrinkwrap.json" if kind == ("npm", 2) else LOCKFILES[kind[0]]
