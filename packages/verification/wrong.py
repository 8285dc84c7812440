"""What a look finds."""

from __future__ import annotations

from typing import NamedTuple


class Wrong(NamedTuple):
    """Something that is not as it has to be: whose, in which way, and what mends it."""

    subject: str
    says: str
    mend: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.says}; {self.mend}"
