"""The browser of the browser tests: the system's Chromium, put there by apt-get when root may.

Best is its headless shell, the same engine without a window to draw: a page costs it a fifth of the work.
`python -m tests.tools.browser` makes sure that there is one.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from tests.tools import debian

SHELL = "chromium-headless-shell"
PLACES = (
    SHELL,
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
HOW = (
    "install Chromium (Debian: `sudo apt-get install chromium`; macOS: `brew install --cask chromium`), "
    "or say where it is with CHROMIUM=/path/to/chromium"
)


class Missing(Exception):
    """There is no Chromium; the message says how to get one."""


def find() -> Path | None:
    """Where Chromium is, or None. Raises Missing when CHROMIUM names something that is not a program."""
    if named := os.environ.get("CHROMIUM"):
        if found := shutil.which(named):
            return Path(found)
        raise Missing(f"CHROMIUM is {named!r}, which is not a program; {HOW}")
    return next((Path(found) for place in PLACES if (found := shutil.which(place))), None)


def ensure() -> Path:
    """Where Chromium is, installed first when that can be done. Raises Missing."""
    found = find()
    if found and (found.name == SHELL or "CHROMIUM" in os.environ):
        return found
    if debian.may_install():
        _install(found)
    if found := find():
        return found
    raise Missing(f"no Chromium was found; {HOW}")


def launch_args() -> list[str]:
    """The options that keep it headless and quiet: it asks nobody for updates and writes to nobody's profile."""
    return [
        "--headless",
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]


def _install(found: Path | None) -> None:
    try:
        if found is None:
            print("Installing Chromium with apt-get (once) ...", flush=True)
            debian.apt_get("update")
        elif not debian.knows(SHELL):
            return
        else:
            print("Installing Chromium's headless shell with apt-get (once) ...", flush=True)
        debian.install(SHELL if debian.knows(SHELL) else "chromium", "fonts-dejavu-core")
    except debian.Failed as reason:
        if found is None:
            raise Missing(f"{reason}; {HOW}") from None
        print(f"Without it the tests take longer: {reason}")


def main() -> int:
    """Make sure of a browser and say where it is."""
    try:
        print(f"Browser: {ensure()}")
    except Missing as reason:
        print(f"The browser tests need Chromium: {reason}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
