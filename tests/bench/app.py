"""A real app, and two registries that have all it depends on: a verdaccio before the upstream registry, and ours.

Fetched once from the registry that `npm config get registry` names, and kept in `.cache/bench`; from then on both serve
what they have and ask nobody. The app is both apps of tests/apps in one: an express server and a Vite front end.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.bench.servers import Others, Ours
from tests.tools import apps, clients
from tests.tools.homes import Client

CACHE = clients.ROOT / ".cache/bench"
KINDS = (("npm", 12), ("pnpm", 12), ("bun", 1))
LOCKS = {"npm": "package-lock.json", "pnpm": "pnpm-lock.yaml", "bun": "bun.lock"}
QUIET = {
    "npm": ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
    "pnpm": ["--ignore-scripts"],
    "bun": ["--ignore-scripts"],
}
FROZEN = {"npm": ["ci"], "pnpm": ["install", "--frozen-lockfile"], "bun": ["install", "--frozen-lockfile"]}
FOR_EVER = {"UPSTREAM_MAX_AGE": "31536000", "EGRESS_ALLOWED_NETWORKS": "127.0.0.0/8"}
INSTALL_SECONDS = 900


@dataclass
class Mirrors:
    """Both registries, warm. home: a folder for clients, removed at the end."""

    ours: Ours
    verdaccio: Others
    home: Path

    @cached_property
    def paths(self) -> tuple[list[str], list[str]]:
        """What an install asks for: the paths of the packuments, and those of the tarballs."""
        lock = json.loads(self.lock(("npm", 12), self.ours))["packages"]
        tarballs = {entry["resolved"].removeprefix(self.ours.base) for path, entry in lock.items() if path}
        names = {path.rpartition("/-/")[0].removeprefix("/") for path in tarballs}
        return sorted(f"/{name.replace('/', '%2f')}" for name in names), sorted(tarballs)

    def lock(self, kind: tuple[str, int], server: Ours | Others) -> str:
        """The lockfile that a client writes when it installs from a server, which is warm for this client then."""
        kept = self.home / f"{kind[0]}-{server.name}.lock"
        if not kept.exists():
            with project(kind, server.base, self.home) as (client, folder):
                install(client, folder, ["install"])
                shutil.copy(folder / LOCKS[kind[0]], kept)
        return kept.read_text()


def manifest() -> dict[str, Any]:
    """The package.json of the app."""
    told = [json.loads((apps.SOURCES / name / "package.json").read_text()) for name in apps.NAMES]
    merged = {key: {} for key in ("dependencies", "devDependencies", "overrides")}
    for each in told:
        for key, found in merged.items():
            found |= each.get(key, {})
    return {"name": "both", "version": "1.0.0", "private": True, **merged}


@contextmanager
def mirrors(run) -> Iterator[Mirrors]:
    """Both registries while they run. Raises clients.Unavailable when the packages cannot be fetched."""
    storage = _fetched(run)
    home = Path(tempfile.mkdtemp(prefix="bench-homes-"))
    try:
        with _verdaccio(storage) as verdaccio:
            ours = Ours({**FOR_EVER, "UPSTREAM_URL": verdaccio.base})
            with run.watched("SQLite, a mirror", ours):
                run.say("letting our registry fetch the app")
                yield Mirrors(ours, verdaccio, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def project(
    kind: tuple[str, int], registry: str, where: Path, files: Mapping[str, str] | None = None
) -> Iterator[tuple[Client, Path]]:
    """A client with empty caches, and the folder of the app, with these files beside its package.json."""
    home = Path(tempfile.mkdtemp(prefix=f"{kind[0]}-", dir=where))
    try:
        client = Client(*kind, home, registry)
        yield client, client.project(manifest(), files)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def install(client: Client, folder: Path, words: list[str]) -> None:
    """Run it to its end. Raises clients.Unavailable when it fails, with what it said."""
    done = subprocess.run(
        [*client.words, *words, *QUIET[client.name]], cwd=folder, env=client.environ, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, errors="replace", timeout=INSTALL_SECONDS,
    )  # fmt: skip
    if done.returncode:
        said = clients.reason(done.stdout + done.stderr)
        raise clients.Unavailable(f"{client.name} {' '.join(words)} from {client.registry} failed: {said}")


def _fetched(run) -> Path:
    folder = CACHE / f"app-{hashlib.sha256(json.dumps(manifest()).encode()).hexdigest()[:12]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            run.say("fetching the app from the upstream registry (once)")
            _fetch(folder)
    return folder


def _fetch(folder: Path) -> None:
    draft = Path(tempfile.mkdtemp(prefix=".app-", dir=CACHE))
    try:
        (draft / "empty").mkdir()
        with _verdaccio(draft / "empty") as verdaccio:
            for kind in KINDS:
                with project(kind, verdaccio.base, draft) as (client, place):
                    install(client, place, ["install"])
            shutil.copytree(verdaccio.storage, draft / "storage")
        (draft / "storage").rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _verdaccio(storage: Path) -> Others:
    uplink = {"url": _upstream(), "maxage": "3650d", "timeout": "120s", "max_fails": 100}
    rules = {"**": {"access": "$all", "publish": "$authenticated", "proxy": "upstream"}}
    known = {
        name: os.environ[name] for name in ("NODE_EXTRA_CA_CERTS", "HTTPS_PROXY", "NO_PROXY") if name in os.environ
    }
    return Others(storage, {"uplinks": {"upstream": uplink}, "packages": rules}, known)


def _upstream() -> str:
    words = [*clients.npm(12), "config", "get", "registry"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip().rstrip("/")
