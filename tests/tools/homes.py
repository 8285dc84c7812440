"""A real client in a clean home: nothing of the person's own npm configuration reaches it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.tools import clients

SECONDS = 240
KEPT = ("LANG", "LC_ALL", "TMPDIR", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "NODE_EXTRA_CA_CERTS")


@dataclass(frozen=True)
class Completed:
    """What a client said, and the code it ended with."""

    stdout: str
    stderr: str
    code: int

    @property
    def json(self):
        """Its standard output, read as JSON."""
        return json.loads(self.stdout)

    @property
    def said(self) -> str:
        """Both outputs, for searching in."""
        return self.stdout + self.stderr


class Failed(AssertionError):
    """A client ended with another code than 0 where the test expected it to work."""


class Client:
    """One person's client.

    name, major: such as "npm", 12. home: an empty folder that becomes its HOME.
    registry: the registry's address with its last slash. token: written to the npmrc when given.
    Raises clients.Unavailable where this client cannot run.
    """

    def __init__(self, name: str, major: int, home: Path, registry: str, token: str | None = None) -> None:
        self.name, self.major = name, major
        self.words = clients.argv(name, major)
        self.home = Path(home).resolve()
        self.registry = registry if registry.endswith("/") else f"{registry}/"
        self.npmrc = self.home / ".npmrc"
        self._programs = self.home / ".programs"
        self._projects = 0
        self._settle()
        if token:
            self.login_token(token)

    def run(
        self,
        *args: str,
        cwd: Path | None = None,
        check: bool = True,
        input: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run it to its end.

        cwd: the home by default. check: raise Failed unless it ends with 0. input: its standard input, else closed.
        env: added to its environment. Raises subprocess.TimeoutExpired after four minutes.
        """
        done = subprocess.run(
            [*self.words, *args],
            cwd=cwd or self.home,
            env={**self.environ, **(env or {})},
            text=True,
            encoding="utf-8",
            errors="replace",
            capture_output=True,
            timeout=SECONDS,
            **({"stdin": subprocess.DEVNULL} if input is None else {"input": input}),
        )
        result = Completed(done.stdout, done.stderr, done.returncode)
        if check and result.code:
            raise Failed(f"{self.name} {self.major} {' '.join(args)} ended with {result.code}\n{result.said}")
        return result

    def login_token(self, token: str) -> None:
        """Keep `token` for this registry, as `npm login` does."""
        with self.npmrc.open("a") as file:
            file.write(f"{self._nerf_dart}:_authToken={token}\n")
        if self.name == "bun":
            with (self.home / ".bunfig.toml").open("a") as file:
                file.write(f"registry = {{ url = {json.dumps(self.registry)}, token = {json.dumps(token)} }}\n")
        if (self.name, self.major) == ("yarn", 4):
            with (self.home / ".yarnrc.yml").open("a") as file:
                file.write(f"npmRegistries:\n  {json.dumps(self._nerf_dart.rstrip('/'))}:\n")
                file.write(f"    npmAuthToken: {json.dumps(token)}\n    npmAlwaysAuth: true\n")

    def project(self, package_json: Mapping, files: Mapping[str, str | bytes] | None = None) -> Path:
        """A new folder in the home with this package.json and these files; their names may hold folders."""
        self._projects += 1
        folder = self.home / f"project-{self._projects}"
        folder.mkdir()
        (folder / "package.json").write_text(json.dumps(package_json, indent=2) + "\n")
        for name, content in (files or {}).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder

    @property
    def environ(self) -> dict[str, str]:
        """All of its environment: a home, a path to its own Node and npm, and the proxies, never for loopback."""
        path = os.pathsep.join([str(self._programs), "/usr/local/bin", "/usr/bin", "/bin"])
        local = "127.0.0.1,localhost"
        return {
            **{name: os.environ[name] for name in KEPT if name in os.environ},
            "HOME": str(self.home),
            "PATH": path,
            "NO_PROXY": local,
            "no_proxy": local,
        }

    @property
    def _nerf_dart(self) -> str:
        return self.registry.partition(":")[2]

    def _settle(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        lines = [f"registry={self.registry}", f"cache={self.home / '.npm'}"]
        if self.name == "npm":
            lines += [f"prefix={self.home / 'global'}", "update-notifier=false", "fund=false", "color=false"]
        elif self.name == "pnpm":
            lines += [f"store-dir={self.home / 'store'}", "update-notifier=false", "color=never"]
        self.npmrc.write_text("".join(f"{line}\n" for line in lines))
        if self.name == "npm":
            (self.home / "global/lib").mkdir(parents=True, exist_ok=True)  # npm 8 and 9 do not run a program without it
        if self.name == "pnpm":  # the tests install what was published a moment ago
            settings = self.home / ".config/pnpm/config.yaml"
            settings.parent.mkdir(parents=True, exist_ok=True)
            settings.write_text("minimumReleaseAge: 0\n")
        if self.name == "bun":
            (self.home / ".bunfig.toml").write_text("telemetry = false\n[install]\n")
        self._lay_programs()
        if (self.name, self.major) == ("yarn", 1):
            words = [f'registry "{self.registry}"', "disable-self-update-check true"]
            (self.home / ".yarnrc").write_text("".join(f"{line}\n" for line in words))
        if (self.name, self.major) == ("yarn", 4):
            (self.home / ".yarnrc.yml").write_text(
                f'npmRegistryServer: "{self.registry.rstrip("/")}"\n'
                "unsafeHttpWhitelist: [127.0.0.1, localhost]\n"
                "enableTelemetry: false\nenableColors: false\nenableGlobalCache: true\nnodeLinker: node-modules\n"
                "npmMinimalAgeGate: 0\n"
            )

    def _lay_programs(self) -> None:
        npm = self.words if self.name == "npm" else clients.npm(12)  # pnpm 9 hands some commands to the npm it finds
        self._programs.mkdir(exist_ok=True)
        for name, words in {"node": npm[:1], "npm": npm, self.name: self.words}.items():
            program = self._programs / name
            program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
            program.chmod(0o755)
