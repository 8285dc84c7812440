"""What comes of looking at something that this server stands on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. state: `good`, `fact`, `warn` or `bad`; says: what is so, and what to do."""

    subject: str
    state: str
    says: str
