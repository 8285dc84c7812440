"""What is inside a package's tarball: untrusted bytes in, facts or a refusal out (pure; nothing is ever extracted)."""

from packages.tarballs.contents import File, listing, read, stream
from packages.tarballs.inspection import Facts, inspect
from packages.tarballs.limits import Limits

__all__ = ["Facts", "File", "Limits", "inspect", "listing", "read", "stream"]
