"""Programs of Debian that tests need, put there by apt-get where root may."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

INSTALL_SECONDS = 900
PLACES = ("/usr/local/sbin", "/usr/sbin", "/sbin")
BESIDE = {"nginx": "nginx-light", "slapd": "slapd", "strace": "strace"}  # the package of each program
NO_SERVICES = Path("/usr/sbin/policy-rc.d")  # says, in images of containers, that no service starts with its package


class Failed(Exception):
    """apt-get did not do it; the message says why."""


def may_install() -> bool:
    """Whether this process may put packages into the system."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def knows(package: str) -> bool:
    """Whether apt has heard of a package."""
    words = ["apt-cache", "--quiet=2", "show", package]
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def install(*packages: str) -> None:
    """Install packages without what they merely recommend. Raises Failed."""
    apt_get("install", "-y", "--no-install-recommends", *packages)


def apt_get(*words: str) -> None:
    """Run apt-get without a question. Raises Failed."""
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
        raise Failed(f"apt-get {words[0]} took longer than {INSTALL_SECONDS} seconds") from None
    if done.returncode:
        last = (done.stdout.strip().splitlines() or ["it gave no reason"])[-1]
        raise Failed(f"apt-get {words[0]} failed: {last}")


def missing() -> list[str]:
    """The packages of those programs that tests run beside the registry and that are not here."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *PLACES])
    return [package for program, package in BESIDE.items() if shutil.which(program, path=path) is None]


def main() -> int:
    """Install what is missing where that starts no service; else say what will be skipped. Never fails."""
    wanted = missing()
    if wanted and may_install() and NO_SERVICES.exists():
        print(f"Installing {', '.join(wanted)} with apt-get (once) ...", flush=True)
        try:
            apt_get("update")
            install(*wanted)
        except Failed as reason:
            print(reason)
    if wanted := missing():
        print(f"Some tests are skipped without these packages of Debian: {' '.join(wanted)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
