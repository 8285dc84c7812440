"""What npm's clients send: one overloaded body is read once, strictly, into one typed intent (pure; no database)."""

from packages.wire.intents import Deprecation, OwnerList, Spooled, Stars, Unpublication, Upload
from packages.wire.reading import read_access, read_put, read_revision_put

__all__ = [
    "Deprecation",
    "OwnerList",
    "Spooled",
    "Stars",
    "Unpublication",
    "Upload",
    "read_access",
    "read_put",
    "read_revision_put",
]
