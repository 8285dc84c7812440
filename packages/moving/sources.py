"""What a source has, read and checked: packages, their versions, and tarballs on their way into the spool."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings

from packages.manifests import SENT_FIELDS
from packages.moving import files
from packages.moving.rules import Rule
from packages.names import PackageName
from packages.upstream.reading import Listed, Read, digest_of
from packages.wire.intents import Spooled
from packages.wire.spool import tarball_too_large
from registry_site import spool
from registry_site.errors import Invalid

MOST_PACKAGES = 100_000
MOST_LIST = 32 << 20


@dataclass(frozen=True)
class Told:
    """A version, as the source tells of it.

    integrity, shasum: "" where it says none. publisher: who published it there. sent: where and with what.
    place: where its tarball is, for the source. unpacked: the size of what is in it, None where the source says none.
    """

    number: str
    place: str
    integrity: str = ""
    shasum: str = ""
    published_at: datetime | None = None
    deprecated: str = ""
    publisher: str = ""
    manifest: dict[str, Any] = field(default_factory=dict, repr=False)
    unpacked: int | None = None

    @property
    def sent(self) -> dict[str, Any]:
        """What a publish says of itself, beside its tarball."""
        return {key: self.manifest[key] for key in SENT_FIELDS if key in self.manifest}

    @property
    def digest(self) -> str:
        """With which digest its bytes are compared; "" when the source says none."""
        said = digest_of(self.integrity)
        return said[0] if said else "sha1" if self.shasum else ""

    def is_told_of(self, tarball: Spooled) -> bool:
        """Whether these bytes are what the source says they are; so is whatever it says nothing of."""
        said = digest_of(self.integrity)
        if said is None:
            return not self.shasum or self.shasum == tarball.sha1
        algorithm, value = said
        if algorithm == "sha512":
            return tarball.sha512 == value
        if algorithm == "sha1":
            return tarball.sha1 == value.hex()
        with tarball.path.open("rb") as file:
            return hashlib.file_digest(file, algorithm).digest() == value


@dataclass
class Found:
    """A package, as the source tells of it.

    versions: in the order they were published. level: whom the source shows it: `public` or `restricted`.
    rule: who may do what with it there, where that is known. left: versions that are not taken, each with why.
    """

    name: PackageName
    versions: list[Told]
    level: str
    tags: dict[str, str] = field(default_factory=dict)
    modified_at: datetime | None = None
    maintainers: list[str] = field(default_factory=list)
    rule: Rule | None = None
    left: dict[str, str] = field(default_factory=dict)
    mirrored: int = 0  # versions that the source has only from another registry


class Source(Protocol):
    """Where packages come from. label: what the audit log and the report call it. is_near: its bytes cost nothing."""

    label: str
    is_near: bool

    def names(self) -> list[str]:
        """What it has, as it calls it; nothing of it was checked. Raises Refusal."""

    def package(self, name: str) -> Found:
        """What it has under a name. Raises Refusal."""

    def tarball(self, found: Found, told: Told) -> AbstractContextManager[Spooled]:
        """The bytes of a version in a file of ours, which is gone afterwards. Raises Refusal."""


def versions_of(read: Read) -> list[Told]:
    """The versions of a packument, in the order they were published."""
    manifests = read.document["versions"]
    told = [_told(each, manifests[each.number]) for each in read.versions.values()]
    first = min((each.published_at for each in told if each.published_at), default=None)
    return sorted(told, key=lambda each: each.published_at or first) if first else told  # stable: else as it lists them


def people_of(value: Any) -> list[str]:
    """The names in a list of maintainers, as packuments have it."""
    people = value if isinstance(value, list) else []
    names = [each.get("name") if isinstance(each, dict) else str(each).split(" ")[0] for each in people[:100]]
    return [name for name in names if isinstance(name, str) and name]


@contextmanager
def spooled(chunks: Iterable[bytes]) -> Iterator[Spooled]:
    """Bytes that arrive in pieces, as a file of ours; it is gone afterwards, unless somebody moved it.

    Raises TooLarge for more than `MAX_TARBALL_MB`.
    """
    handle, path = spool.file("import")
    size = 0
    sha512, sha1 = hashlib.sha512(), hashlib.sha1(usedforsecurity=False)
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in chunks:
                size += len(chunk)
                if size > settings.MAX_TARBALL:
                    raise tarball_too_large(settings.MAX_TARBALL)
                sha512.update(chunk)
                sha1.update(chunk)
                file.write(chunk)
        yield Spooled(path, size, sha512.digest(), sha1.hexdigest())
    finally:
        path.unlink(missing_ok=True)


def listed(path: Path) -> list[str]:
    """The names in a file, one a line; # begins a comment. Raises Invalid when it cannot be read."""
    data = files.read(path.resolve().parent, path.resolve().name, most=MOST_LIST)
    lines = (line.partition("#")[0].strip() for line in data.decode(errors="replace").splitlines())
    return [line for line in lines if line]


def parsed(name: str) -> PackageName:
    """A name that a source gave. Raises Invalid, saying which."""
    try:
        return PackageName.parse(name)
    except Invalid as refusal:
        raise Invalid(f"it cannot be called that here: {refusal.message}") from None


def _told(listed: Listed, manifest: dict[str, Any]) -> Told:
    user = manifest.get("_npmUser")
    publisher = user.get("name") if isinstance(user, dict) else None
    size = manifest["dist"].get("unpackedSize")
    return Told(
        number=listed.number,
        place=listed.tarball,
        integrity=listed.integrity,
        shasum=listed.shasum,
        published_at=listed.published_at,
        deprecated=listed.deprecated.strip(),
        publisher=publisher if isinstance(publisher, str) else "",
        manifest=manifest,
        unpacked=size if type(size) is int and size >= 0 else None,
    )
