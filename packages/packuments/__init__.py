"""Packuments: the documents that clients get, from rows to the bytes that are sent.

parts: what a version says in them. people: who answers for a package. deflating (pure): gzip in fragments.
runs, building: from rows to the stored bytes. kept: bytes in memory. reading: what is answered.
"""

from packages.packuments.kept import Ready
from packages.packuments.parts import ABBREVIATED, README_SHOWN, amend, manifest_of, revision_of, version_parts
from packages.packuments.people import maintainers, maintainers_of
from packages.packuments.reading import Changed, Packument, answer, read

__all__ = [
    "ABBREVIATED",
    "README_SHOWN",
    "Changed",
    "Packument",
    "Ready",
    "amend",
    "answer",
    "maintainers",
    "maintainers_of",
    "manifest_of",
    "read",
    "revision_of",
    "version_parts",
]
