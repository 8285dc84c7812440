"""The settings as they are in force: each with where it came from; of a secret only whether it is set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from registry_site import env

IN_FORCE = {"EMAIL_FROM": "DEFAULT_FROM_EMAIL"}  # where what is in force has another name
SOURCES = {"default": "default", "environment": "environment", "file": "a file"}


@dataclass(frozen=True)
class Setting:
    """One setting. value: as people may read it; source: `default`, `environment` or `a file`."""

    name: str
    value: str
    source: str


def every() -> list[Setting]:
    """All settings, by name."""
    return [Setting(name, _value(name, each), SOURCES[each.source]) for name, each in sorted(env.seen.items())]


def _value(name: str, reading: env.Reading) -> str:
    if reading.is_secret:
        return "set" if reading.text and reading.source != "default" else "not set"
    in_force = getattr(settings, IN_FORCE.get(name, name), "")
    if isinstance(in_force, list):
        return ", ".join(map(str, in_force))
    return reading.text or (str(in_force) if isinstance(in_force, str | Path) else "")
