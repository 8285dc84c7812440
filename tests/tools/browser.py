"""The browser of the browser tests: the system's Chromium, put there by apt-get when root may.

Best is its headless shell, the same engine without a window to draw: a page costs it a fifth of the work.
`python -m tests.tools.browser` makes sure that there is one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

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
INSTALL_SECONDS = 900
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
    if os.geteuid() == 0 and shutil.which("apt-get"):
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
    if found is None:
        print("Installing Chromium with apt-get (once) ...", flush=True)
        _apt_get("update")
    elif not _knows(SHELL):
        return
    else:
        print("Installing Chromium's headless shell with apt-get (once) ...", flush=True)
    try:
        wanted = SHELL if _knows(SHELL) else "chromium"
        _apt_get("install", "-y", "--no-install-recommends", wanted, "fonts-dejavu-core")
    except Missing as reason:
        if found is None:
            raise
        print(f"Without it the tests take longer: {reason}")


def _knows(package: str) -> bool:
    words = ["apt-cache", "--quiet=2", "show", package]
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def _apt_get(*words: str) -> None:
    try:
        done = subprocess.run(
            ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", *words],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=INSTALL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise Missing(f"apt-get {words[0]} took longer than {INSTALL_SECONDS} seconds; {HOW}") from None
    if done.returncode:
        last = (done.stdout.strip().splitlines() or ["it gave no reason"])[-1]
        raise Missing(f"apt-get {words[0]} failed: {last}; {HOW}")


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
