"""bun.lock: JSON with a comma after the last value of each list."""

from __future__ import annotations

import re

import orjson

from packages.lockfiles.found import Found, text
from registry_site.errors import Invalid

# A text as a whole, also one that does not end, so that no comma inside is taken; or a comma that nothing follows.
_TEXT_OR_COMMA = re.compile(rb'("(?:[^"\\]++|\\.)*+(?:"|\\?\Z))|,(?=\s*+[}\]])', re.DOTALL)


def parse(data: bytes) -> Found:
    """What a bun lockfile asks for. Raises Invalid when it is none, or the older, binary one."""
    try:
        lock = orjson.loads(_TEXT_OR_COMMA.sub(lambda match: match[1] or b"", data))
    except orjson.JSONDecodeError as error:
        raise Invalid("it is no bun.lock; bun install --save-text-lockfile writes one") from error
    packages = lock.get("packages", {}) if isinstance(lock, dict) and "lockfileVersion" in lock else None
    if not isinstance(packages, dict):
        raise Invalid("it is no lockfile of bun")
    found = Found()
    for entry in packages.values():
        if not isinstance(entry, list) or not entry:
            continue
        name, _, number = _split(text(entry[0]))
        if number.startswith(("workspace:", "root:")):
            continue
        link = text(entry[1]) if len(entry) > 1 else ""
        if number.startswith(("http://", "https://")):
            found.put_aside(name, number)
        else:
            # Instead of a tarball's address the second place may hold its registry's.
            found.add(name, number, link if link.endswith(".tgz") else "", text(entry[-1]))
    return found


def _split(text: str) -> tuple[str, str, str]:
    place = text.find("@", 1)
    return (text[:place], "@", text[place + 1 :]) if place > 0 else (text, "", "")
