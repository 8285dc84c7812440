"""What is known to be wrong with versions: said by owners here, or by an upstream registry of its packages.

known: reads it, for pages, audits and rules; listing: all of it, for a page. `packages.advising` has the verbs
of owners, `packages.upstream.audits` asks upstream, `packages.audits` answers clients.
"""

from packages.advisories.known import (
    affecting,
    counted,
    fixed_versions,
    numbers_in,
    of_versions,
    standing_of,
    touching,
)

__all__ = ["affecting", "counted", "fixed_versions", "numbers_in", "of_versions", "standing_of", "touching"]
