"""From the name of a lockfile to whoever reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

from packages.lockfiles import bun, npm, pnpm, yarn
from packages.lockfiles.found import MOST, Found
from registry_site.errors import Invalid, Malformed, TooLarge

MAX_BYTES = 64 * 1024 * 1024
KINDS: dict[str, Callable[[bytes], Found]] = {
    "package-lock.json": npm.parse,
    "npm-shrinkwrap.json": npm.parse,
    "pnpm-lock.yaml": pnpm.parse,
    "yarn.lock": yarn.parse,
    "bun.lock": bun.parse,
}


def read(path: str, data: bytes) -> Found:
    """What a lockfile asks for.

    path: its name says which client wrote it; something may stand before that (`app-package-lock.json`).
    data: its bytes, which nobody vouches for. Raises Invalid, Malformed, TooLarge; the message begins with its path.
    """
    name = PurePath(path).name
    parse = next((parse for ending, parse in KINDS.items() if name.endswith(ending)), None)
    if parse is None:
        raise Invalid(f"{path}: a lockfile is called {', '.join(KINDS)}; bun.lockb is written anew by bun install")
    if len(data) > MAX_BYTES:
        raise TooLarge(f"{path}: a lockfile has at most {MAX_BYTES // 2**20} MB")
    try:
        found = parse(data)
    except Invalid as error:
        raise Malformed(f"{path}: {error.message}") from error
    if len(found.pinned) > MOST:
        raise TooLarge(f"{path}: a lockfile has at most {MOST} packages")
    return found
