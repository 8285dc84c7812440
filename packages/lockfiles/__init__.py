"""What lockfiles of npm, pnpm, yarn and bun ask for: pure, from bytes to names and versions."""

from packages.lockfiles.found import MOST, Elsewhere, Found, Pinned
from packages.lockfiles.reading import KINDS, MAX_BYTES, read

__all__ = ["KINDS", "MAX_BYTES", "MOST", "Elsewhere", "Found", "Pinned", "read"]
