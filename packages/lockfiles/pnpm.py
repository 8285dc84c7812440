"""pnpm-lock.yaml: of pnpm 8 (6.0) and of pnpm 9 and later (9.0)."""

from __future__ import annotations

from packages.lockfiles.found import Found, text
from packages.lockfiles.yaml_text import documents
from registry_site.errors import Invalid


def parse(data: bytes) -> Found:
    """What a pnpm lockfile asks for. Raises Invalid when it is none, or of pnpm 7 or older."""
    found = Found()
    locks = [lock for lock in documents(data) if "lockfileVersion" in lock]
    if not locks:
        raise Invalid("it is no lockfile of pnpm")
    for lock in locks:  # newer ones hold a second document, about pnpm itself
        major = str(lock["lockfileVersion"]).partition(".")[0]
        if major not in ("6", "9"):
            raise Invalid(f"it is of version {lock['lockfileVersion']}; write it anew with pnpm 8 or newer")
        packages = lock.get("packages") or {}
        if not isinstance(packages, dict):
            raise Invalid("it is no lockfile of pnpm")
        for key, entry in packages.items():
            _add(str(key), entry if isinstance(entry, dict) else {}, found)
    return found


def _add(key: str, entry: dict, found: Found) -> None:
    resolution = entry.get("resolution")
    resolution = resolution if isinstance(resolution, dict) else {}
    whole = key.removeprefix("/").partition("(")[0]  # in brackets stand the peers it was installed with
    place = whole.find("@", 1)
    name, number = (whole[:place], whole[place + 1 :]) if place > 0 else (whole, "")
    if "name" in entry:  # pnpm 8 says the name of what no registry has
        found.put_aside(text(entry["name"]), whole)
    else:
        found.add(name, number, text(resolution.get("tarball")), text(resolution.get("integrity")))
