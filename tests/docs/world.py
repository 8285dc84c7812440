"""Where the commands of one page run: a registry on loopback, people with a terminal each, and the server's own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.live import make
from tests.tools import pages
from tests.tools.homes import Client
from tests.tools.pages import ROOT, Block
from tests.tools.server import Registry
from tests.tools.visitor import Person, sign_up

SECONDS = 600  # of a block; on a busy machine each command takes its time
HERE = ("http://localhost:8000", "https://npm.example.com")  # what pages call the registry
APP = "app"  # a folder that has an app which needs a private package, with its lockfile


class World:
    """registry: a running one. place: an empty folder for everything else."""

    def __init__(self, registry: Registry, place: Path) -> None:
        self.registry, self.place = registry, place
        self._people: dict[str, Person] = {}
        self._clients: dict[str, Client] = {}
        self._server = place / "server"
        self._server.mkdir(parents=True)
        for name in (".venv", "manage.py"):
            (self._server / name).symlink_to(ROOT / name)

    def run(self, block: Block) -> str:
        """Run a block's commands as its comment says; gives what they said. Raises AssertionError when one fails."""
        way = pages.way(block)
        for clause in way.before:
            self._arrange(clause)
        text = self._here(pages.typed(block))
        if way.who == "operator":
            return self._shell(block, text, self._server, {**self.registry.environ}, way.fails)
        client = self._client(way.who)
        folder = self._folder(way.who, way.folder)
        environ = client.environ
        if way.with_token:  # nobody is logged in on a build server
            machine = self._people[way.who].client(logged_in=False)
            environ = machine.environ | {"NPM_TOKEN": self._people[way.who].token, "CI": "true"}
        return self._shell(block, text, folder, environ, way.fails)

    def write(self, block: Block) -> None:
        """Write the file that a block shows."""
        words, _, name = block.words.rpartition(", ")
        who, _, folder = words.partition(" in ")
        self._client(who)
        (self._folder(who, folder) / name).write_text(self._here(block.text))

    def _shell(self, block: Block, text: str, cwd: Path, environ: dict[str, str], fails: bool) -> str:
        done = subprocess.run(
            ["sh", "-eu", "-c", text],
            cwd=cwd,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        said = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, f"{block.place} ended with {done.returncode}\n{text}\n{said}"
        return said

    def _here(self, text: str) -> str:
        for address in HERE:
            text = text.replace(address, self.registry.url)
            text = text.replace(f"//{address.partition('//')[2]}/", f"//{self.registry.url.partition('//')[2]}/")
        backups = str(self.place / "backups")
        return re.sub(r"/mnt/backups\b|\bBACKUPS\b", backups, text)

    def _client(self, name: str) -> Client:
        if name not in self._clients:
            self._people[name] = sign_up(self.registry, name, self.place / name)
            self._clients[name] = self._people[name].client()
        return self._clients[name]

    def _folder(self, who: str, name: str) -> Path:
        folder = self._clients[who].home / name
        if not folder.exists():
            folder.mkdir()
            if name == APP:
                self._fill(self._clients[who], who, folder)
        return folder

    def _fill(self, client: Client, who: str, folder: Path) -> None:
        needed = f"@{who}/needed"
        client.run("publish", cwd=make(client, needed))
        (folder / "package.json").write_text(f'{{"name": "@{who}/app", "version": "1.0.0"}}\n')
        client.run("install", needed, cwd=folder)

    def _arrange(self, clause: str) -> None:
        match clause.split():
            case [who, "signed", "up"]:
                self._client(who)
            case [who, "published", name]:
                client = self._client(who)
                client.run("publish", cwd=make(client, name))
            case [who, "made", "the", "org", name]:
                self._client(who)
                self._people[who].browser.submit("/org/new", name=name, title="")
            case [who, "added", other, "to", org]:
                self._client(other)
                self._client(who).run("org", "set", org, other, "developer")
            case _:
                raise AssertionError(f"nobody knows how it comes that {clause}")
