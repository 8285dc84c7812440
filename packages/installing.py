"""The lines that install a package, for each client (pure)."""

from __future__ import annotations

ADDING = {"npm": "npm i", "pnpm": "pnpm add", "yarn": "yarn add", "bun": "bun add"}


def commands(name: str, number: str = "") -> list[tuple[str, str]]:
    """Each client and the line that adds a package with it. number: the version to name, "" for the latest."""
    what = f"{name}@{number}" if number else name
    return [(client, f"{command} {what}") for client, command in ADDING.items()]


def registry_line(name: str, address: str) -> str:
    """The line after which npm finds the package's scope at `address`; without a scope, every package."""
    scope = name.partition("/")[0] + ":" if name.startswith("@") else ""
    return f"npm config set {scope}registry {address}"
