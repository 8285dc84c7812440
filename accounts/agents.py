"""Which client a request came from, in words (pure)."""

from __future__ import annotations

import re

_CLIENT = re.compile(r"(?P<name>npm|pnpm|yarn|bun|node|lerna|curl)/v?(?P<version>[0-9][0-9A-Za-z.+-]*)", re.IGNORECASE)
_SYSTEM = re.compile(r"\b(?P<system>linux|darwin|win32|freebsd|openbsd|android|macos|windows)\b", re.IGNORECASE)
_SYSTEMS = {"darwin": "macOS", "macos": "macOS", "win32": "Windows", "windows": "Windows", "freebsd": "FreeBSD"}
_LIBRARIES = {"got (": "yarn 4"}  # yarn 4 says only the name of the library that it asks with


def in_words(agent: str) -> str:
    """A user agent as people say it, `npm 12.0.1 on linux`; "an unknown client" where it says nothing known."""
    for mark, name in _LIBRARIES.items():
        if agent.startswith(mark):
            return name
    client = _CLIENT.search(agent)
    if client is None:
        return "an unknown client"
    system = _SYSTEM.search(agent)
    where = f" on {_SYSTEMS.get(system['system'].lower(), system['system'].lower())}" if system else ""
    return f"{client['name'].lower()} {client['version']}{where}"
