"""package-lock.json and npm-shrinkwrap.json: of npm 5 and 6 (1), of npm 7 and 8 (2), of npm 9 and later (3)."""

from __future__ import annotations

import orjson

from packages.lockfiles.found import Found, text
from registry_site.errors import Invalid

ALIAS = "npm:"
MODULES = "node_modules/"


def parse(data: bytes) -> Found:
    """What an npm lockfile asks for. Raises Invalid when it is none."""
    try:
        lock = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Invalid("it is not JSON") from error
    found = Found()
    if isinstance(lock, dict) and isinstance(lock.get("packages"), dict):
        _packages(lock["packages"], found)
    elif isinstance(lock, dict) and isinstance(lock.get("dependencies", {}), dict) and "lockfileVersion" in lock:
        _tree(lock.get("dependencies", {}), found)
    else:
        raise Invalid("it is no lockfile of npm")
    return found


def _packages(packages: dict, found: Found) -> None:
    for place, entry in packages.items():
        if not isinstance(entry, dict) or MODULES not in place or entry.get("inBundle"):
            continue  # the project itself, a workspace, or what comes inside another's tarball
        name = text(entry.get("name")) or place.rpartition(MODULES)[2]
        link, number = text(entry.get("resolved")), text(entry.get("version"))
        if entry.get("link") or (link and not link.startswith(("http://", "https://"))):
            found.put_aside(name, link)
        else:
            found.add(name, number, link, text(entry.get("integrity")))


def _tree(dependencies: dict, found: Found) -> None:
    waiting = [dependencies]
    while waiting:
        for name, entry in waiting.pop().items():
            if not isinstance(entry, dict) or entry.get("bundled"):
                continue
            number = text(entry.get("version"))
            if number.startswith(ALIAS):
                name, _, number = number.removeprefix(ALIAS).rpartition("@")
            found.add(name, number, text(entry.get("resolved")), text(entry.get("integrity")))
            if isinstance(entry.get("dependencies"), dict):
                waiting.append(entry["dependencies"])
