"""The intents a body can have. Each is complete and checked: who receives one looks at no JSON again."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Spooled:
    """A tarball on disk, decoded and hashed on the way; whoever receives it moves or discards it."""

    path: Path
    size: int
    sha512: bytes
    sha1: str

    @property
    def integrity(self) -> str:
        return "sha512-" + base64.b64encode(self.sha512).decode()

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Upload:
    """`npm publish`: one new version with its tarball.

    manifest: as sent, to be compared only; what is served is derived from the tarball.
    tags: those that name this version; empty when the client named none.
    access: "public", "restricted", or None for "leave as it is".
    provenance: the text of the sigstore bundle.
    readme: as sent; None when absent or npm's own "no README" text.
    """

    name: str
    version: str
    manifest: dict[str, Any]
    tags: tuple[str, ...]
    access: str | None
    tarball: Spooled
    provenance: str | None = None
    readme: str | None = None
    readme_filename: str | None = None


@dataclass(frozen=True)
class Deprecation:
    """`npm deprecate` and `npm undeprecate`.

    messages: for each version that has a `deprecated` key in the body its text, "" to undo; a version without the
    key says nothing. Clients echo the messages that are there already.
    """

    revision: str
    messages: dict[str, str]


@dataclass(frozen=True)
class Unpublication:
    """`npm unpublish PKG@VERSION`: the document as it shall be.

    revision: the body's own; the address has one too.
    kept: the versions that stay. When that is all of them the body may be pnpm's fallback for `pnpm star`: see users.
    users: everyone who stars the package, None where the body does not say.
    """

    revision: str | None
    kept: frozenset[str]
    tags: dict[str, str]
    users: frozenset[str] | None = None


@dataclass(frozen=True)
class OwnerList:
    """`npm owner add` and `rm`: the owners as they shall be. yarn 1 sends nonsense here with a revision `undefined`."""

    revision: str | None
    names: tuple[str, ...]


@dataclass(frozen=True)
class Stars:
    """`npm star` and `unstar`: everyone who stars the package; only the caller's own entry may be believed."""

    users: frozenset[str]
