"""What is inside a mirrored tarball, for pages and for who depends on it here."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from packages import dependents, manifests, packuments, tarballs
from packages.models import MirrorVersion, Package, Version
from packages.names import PackageName
from packages.tarballs import Facts
from registry_site.errors import Refusal


def columns(row: MirrorVersion, path: Path, sha512: bytes, sha1: str) -> dict[str, Any]:
    """The columns of a mirrored version's row, but for its blob: what its tarball says, and no more.

    A tarball that could not be published here, as some old ones, is served as it is and has no contents to show.
    """
    facts = _inspected(path)
    name = PackageName.parse(row.mirror.name, old=True)
    manifest = manifests.normalise(facts.package_json) if facts else {}
    manifest |= {"name": name.full, "version": row.number}
    tarball = "sha512-" + base64.b64encode(sha512).decode()
    counted = {"fileCount": facts.file_count, "unpackedSize": facts.unpacked_size} if facts else {}
    dist = {"integrity": tarball, "shasum": sha1} | counted
    full, abbreviated = packuments.version_parts(name, manifest, dist)
    return {
        "number": row.number,
        "folded": row.number,  # upstream tells spellings apart
        "integrity": tarball,
        "shasum": sha1,
        "size": path.stat().st_size,
        "unpacked_size": facts.unpacked_size if facts else 0,
        "file_count": facts.file_count if facts else 0,
        "full": full,
        "abbreviated": abbreviated,
        "readme": (facts.readme or "") if facts else "",
        "readme_filename": (facts.readme_filename or "") if facts else "",
        "deprecated": row.deprecated,
        "published_at": row.published_at or row.seen_at,
    }


def lead(package: Package, version: Version) -> None:
    """Make a mirrored version the one that pages and lists show; inside a transaction that holds the package."""
    package.latest = version
    package.save(update_fields=["latest"])
    dependents.remember(package)


def _inspected(path: Path) -> Facts | None:
    try:
        facts = tarballs.inspect(path)
        manifests.check(facts.package_json)
    except Refusal:
        return None
    return facts
