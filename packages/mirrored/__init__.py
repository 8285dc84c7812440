"""What pages show of a mirrored package: all that upstream lists, whether or not its tarball was ever fetched.

Only `find` asks upstream, and `fetch`; everything else is shown as it is here.
"""

from packages.mirrored.listing import State, counts, listed, numbers, told
from packages.mirrored.shelves import Shelf
from packages.mirrored.visiting import fetch, find, shelf

__all__ = ["Shelf", "State", "counts", "fetch", "find", "listed", "numbers", "shelf", "told"]
