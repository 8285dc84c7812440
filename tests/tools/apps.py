"""Two apps with all they depend on, as an upstream registry would have it: fetched once, served on loopback.

`python -m tests.tools.apps` fetches them, and the registry of others that serves them. tests/apps/*/package-lock.json
says what belongs to an app; it lands in `.cache/apps` (or `TEST_CACHE_DIR`), a folder per package with its packument,
cut down to what the lock names, and its tarballs. Packages of other systems are listed there without their tarballs.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cmp_to_key
from pathlib import Path
from typing import Any

import nodesemver

from tests.tools import clients
from tests.tools.clients import FETCH_SECONDS, Unavailable
from tests.tools.upstream_stub import UpstreamStub

SOURCES = clients.ROOT / "tests/apps"
NAMES = ("express", "vite")
_TAKEN_EVERYWHERE = ("fsevents",)  # yarn 4 patches it, and fetches it for that on every system
CACHE = (Path(os.environ.get("TEST_CACHE_DIR") or clients.ROOT / ".cache") / "apps").resolve()


@dataclass(frozen=True)
class App:
    """An app and what it depends on. packages: a folder for each, as verdaccio has them."""

    source: Path
    packages: Path

    @property
    def files(self) -> dict[str, bytes]:
        """Everything of its source, by path."""
        paths = (path for path in self.source.rglob("*") if path.is_file())
        return {str(path.relative_to(self.source)): path.read_bytes() for path in paths}

    def documents(self) -> dict[str, dict[str, Any]]:
        """The packuments by name."""
        found = (json.loads(path.read_text()) for path in sorted(self.packages.rglob("package.json")))
        return {document["name"]: document for document in found}

    def serve(self, stub: UpstreamStub) -> None:
        """Let the stub have all of it."""
        for name, document in self.documents().items():
            stub.put(name, document, {path.name: path for path in (self.packages / name).glob("*.tgz")})


def ensure(name: str) -> App:
    """One of the apps, fetched when it is not there yet; of several processes that ask at once, one fetches.

    Raises Unavailable when it cannot be fetched.
    """
    source, folder = SOURCES / name, _folder(name)
    if not folder.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with (CACHE / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.is_dir():
                _fetch(source, folder)
    return App(source, folder)


def _folder(name: str) -> Path:
    lock = (SOURCES / name / "package-lock.json").read_bytes()
    return CACHE / f"{name}-{hashlib.sha256(lock + Path(__file__).read_bytes()).hexdigest()[:12]}"


def _fetch(source: Path, folder: Path) -> None:
    draft = Path(tempfile.mkdtemp(prefix=f".{source.name}-", dir=CACHE))
    try:
        _install(source, draft / "app", draft / "npm")
        said = _packuments(draft / "npm/_cacache")
        for name, locked in _by_name(_lock(source)).items():
            _lay(draft / "packages" / name, name, locked, said.get(name, {}), draft / "npm/_cacache")
        _lay_stand_in(draft / "packages" / "node-gyp")
        (draft / "packages").rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _install(source: Path, project: Path, cache: Path) -> None:
    project.mkdir()
    for file in ("package.json", "package-lock.json"):
        shutil.copy(source / file, project)
    everywhere = [f"{name}@{number}" for name, locked in _by_name(_lock(source)).items() if name in _TAKEN_EVERYWHERE
                  for number in locked]  # fmt: skip
    options = ["--ignore-scripts", "--no-bin-links", "--no-audit", "--no-fund", "--loglevel=error", f"--cache={cache}"]
    environ = {**os.environ, "PATH": f"{clients.node_bin(24).parent}{os.pathsep}{os.environ['PATH']}"}
    for words in (["ci"], *(["cache", "add", each] for each in everywhere)):
        try:
            done = subprocess.run(
                [*clients.npm(12), *words, *options], cwd=project, env=environ, stdin=subprocess.DEVNULL,
                capture_output=True, text=True, timeout=FETCH_SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Unavailable(f"npm did not fetch the app {source.name} within {FETCH_SECONDS} seconds") from None
        if done.returncode:
            why = clients.reason(done.stdout + done.stderr)
            raise Unavailable(f"npm could not fetch the app {source.name}: {why}")


def _lock(source: Path) -> dict[str, Any]:
    return json.loads((source / "package-lock.json").read_text())["packages"]


def _by_name(lock: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for path, entry in lock.items():
        if path:
            name = entry.get("name") or path.rpartition("node_modules/")[2]
            found.setdefault(name, {})[entry["version"]] = entry
    return found


def _packuments(cache: Path) -> dict[str, dict[str, Any]]:
    # npm keeps what it was answered: a line of JSON per address, which names the content by its digest.
    found = {}
    for index in (cache / "index-v5").glob("*/*/*"):
        for line in index.read_text().splitlines():
            entry = json.loads(line.partition("\t")[2] or "{}")
            if entry.get("integrity") and "request-cache" in entry["key"] and not entry["key"].endswith(".tgz"):
                document = json.loads(_content(cache, entry["integrity"]).read_bytes())
                found[document["name"]] = document
    return found


def _content(cache: Path, integrity: str) -> Path:
    algorithm, _, digest = integrity.partition("-")
    text = base64.b64decode(digest).hex()
    return cache / "content-v2" / algorithm / text[:2] / text[2:4] / text[4:]


def _lay(folder: Path, name: str, locked: dict[str, Any], said: dict[str, Any], cache: Path) -> None:
    folder.mkdir(parents=True)
    versions, attachments = {}, {}
    for number in sorted(locked, key=cmp_to_key(lambda one, other: nodesemver.compare(one, other, loose=True))):
        entry = locked[number]
        file = f"{name.rpartition('/')[2]}-{number}.tgz"
        known = said.get("versions", {}).get(number) or {key: entry[key] for key in entry if key not in _OF_LOCKS}
        dist = {
            **known.get("dist", {}),
            "integrity": entry["integrity"],
            "tarball": f"http://localhost/{name}/-/{file}",
        }
        versions[number] = {**known, "name": name, "version": number, "dist": dist}
        tarball = _content(cache, entry["integrity"])
        if tarball.exists():
            shutil.copy(tarball, folder / file)
            dist["shasum"] = hashlib.sha1(tarball.read_bytes()).hexdigest()
            attachments[file] = {"shasum": dist["shasum"]}
    newest = said.get("dist-tags", {}).get("latest")
    times = {number: moment for number, moment in said.get("time", {}).items() if number in versions}
    times |= {"created": min(times.values()), "modified": max(times.values())} if times else {}
    document = {
        "_id": name,
        "name": name,
        "dist-tags": {"latest": newest if newest in versions else list(versions)[-1]},
        "versions": versions,
        "time": times,
        "_rev": "1-0",
        "_attachments": attachments,
        "_distfiles": {},
        "_uplinks": {},
    }
    (folder / "package.json").write_text(json.dumps(document))


def _lay_stand_in(folder: Path) -> None:
    # yarn 4 gives this to whoever names it in a script, as fsevents does; nothing here is built with it.
    with UpstreamStub() as stub:
        data = stub.publish("node-gyp", "99.0.0")
        document = stub.document("node-gyp")
    if not folder.exists():
        folder.mkdir()
        (folder / "node-gyp-99.0.0.tgz").write_bytes(data)
        shasum = document["versions"]["99.0.0"]["dist"]["shasum"]
        document |= {"_attachments": {"node-gyp-99.0.0.tgz": {"shasum": shasum}}, "_distfiles": {}, "_uplinks": {}}
        (folder / "package.json").write_text(json.dumps(document))


_OF_LOCKS = ("resolved", "integrity", "optional", "dev", "peer", "devOptional", "inBundle")


def main() -> int:
    """Fetch the apps and the registry of others; what is missing is told, and the tests skip without it."""
    try:
        clients.ensure("upstream")
        for name in NAMES:
            if not _folder(name).is_dir():
                print(f"Fetching what the app {name} of the tests depends on (once) ...", flush=True)
            ensure(name)
    except Unavailable as reason:
        print(f"Without the apps, whose tests are skipped: {reason}.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
