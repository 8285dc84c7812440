"""All harnesses by name."""

from __future__ import annotations

from tests.fuzz import archives, documents, doors, pages
from tests.fuzz.harness import Harness

EVERY: dict[str, Harness] = {
    each.name: each for group in (archives, documents, pages, doors) for each in group.HARNESSES
}
