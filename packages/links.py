"""Links out of a manifest: text of strangers, linked only where a browser goes with it nowhere but to a website."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

MAX_LENGTH = 2048


def link(value: Any) -> dict[str, str] | None:
    """The address of a manifest's homepage, repository or bugs field and its short text, None for anything else."""
    value = value.get("url") if isinstance(value, dict) else value
    if not isinstance(value, str) or len(value) > MAX_LENGTH:
        return None
    if not value.isprintable() or "\\" in value or " " in value:  # a browser may go elsewhere than it seems
        return None
    address = value.removeprefix("git+").replace("git://", "https://", 1).removesuffix(".git")
    try:
        parts = urlsplit(address) if address.startswith(("https://", "http://")) else None
        if parts is None or not parts.hostname or "@" in parts.netloc:
            return None
    except ValueError:  # half an address of version 6, say
        return None
    return {"address": address, "text": (parts.hostname + parts.path).rstrip("/")}
