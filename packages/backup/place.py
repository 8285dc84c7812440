"""Where backups lie: all of them in one folder or bucket, over one collection of tarballs."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.utils import timezone

from packages import blobs
from packages.blobs.folder import FolderStore
from packages.blobs.store import Store
from registry_site.errors import Conflict, NotFound, Unavailable

FORMAT = 1
MANIFEST = "manifest.json"
PIECE = 1 << 20


@dataclass(frozen=True)
class File:
    """A file of a backup, as its manifest knows it."""

    key: str
    size: int
    sha512: str


@dataclass(frozen=True)
class Manifest:
    """What a backup is. It is written when all the rest is there, so that one that broke off has none.

    database: an SQLite file, compressed, of whatever database. keys: None when they were left out.
    tarballs, bytes: how many the database names. missing: what had no good bytes when the backup was made.
    """

    name: str
    made_at: str
    registry: str
    database: File
    keys: File | None
    tarballs: int
    bytes: int
    missing: list[str] = field(default_factory=list)
    format: int = FORMAT


class Place:
    """Backups at an address: a folder, `file:///...` or `s3://bucket/prefix?...`.

    blobs: the tarballs of all backups. Raises ImproperlyConfigured for what is no address.
    """

    def __init__(self, where: str) -> None:
        self.url = where if "://" in where else Path(where).resolve().as_uri()
        self.blobs: Store = blobs.at(self.blobs_url, "the address of the backups")
        self._records: Store = blobs.at(blobs.below(self.url, "backups"), "the address of the backups")

    @property
    def blobs_url(self) -> str:
        """The address of the tarballs, a store like any other."""
        return blobs.below(self.url, "blobs")

    def prepare(self) -> None:
        """Make the folders, for their owner alone; a bucket is there already. Raises OSError."""
        for store in (self.blobs, self._records):
            if isinstance(store, FolderStore):
                store.root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def names(self) -> list[str]:
        """The backups that are whole, oldest first. Raises Unavailable when the place does not say."""
        try:
            keys = list(self._records.keys())
        except OSError as error:
            raise Unavailable(f"the backups cannot be listed: {error}") from error
        return sorted(key.split("/")[1] for key in keys if key.endswith(f"/{MANIFEST}"))

    def manifest(self, name: str = "") -> Manifest:
        """That of a backup, the last one unless it is named.

        Raises NotFound when there is no whole one, Conflict for a newer format, Unavailable when it is damaged.
        """
        found = self.names()
        if not found:
            raise NotFound(f"there is no whole backup at {self.url}; one that broke off has no manifest")
        if name and name not in found:
            raise NotFound(f"there is no whole backup {name}; there are {', '.join(found[-5:])}")
        return _read(self._whole(_key(name or found[-1], MANIFEST)))

    def keep(self, name: str, source: Path) -> File:
        """Keep a file of a backup that is being made; it is gone from where it was."""
        source.chmod(0o600)
        with source.open("rb") as body:
            digest = hashlib.file_digest(body, "sha512").hexdigest()
        file = File(_key(name, source.name), source.stat().st_size, digest)
        self._records.put(file.key, source)
        return file

    def finish(self, manifest: Manifest, spool: Path) -> None:
        """Write the manifest: from now on the backup is one."""
        said = asdict(manifest)
        draft = spool / MANIFEST
        draft.write_text(json.dumps(said | {"seal": _seal(said)}, indent=2))
        self._records.put(_key(manifest.name, MANIFEST), draft)

    def fetch(self, file: File, target: Path) -> None:
        """Copy a file of a backup. Raises Unavailable when it is not what the manifest says."""
        digest = hashlib.sha512()
        try:
            with self._records.open(file.key, file.size) as body, target.open("wb") as out:
                while piece := body.read(PIECE):
                    digest.update(piece)
                    out.write(piece)
        except OSError as error:
            raise Unavailable(f"{file.key} of the backup cannot be read: {error}") from error
        if digest.hexdigest() != file.sha512:
            raise Unavailable(f"{file.key} of the backup is damaged; take an older backup (--name)")

    def kept(self) -> set[str]:
        """The keys of the tarballs that are here already. Raises OSError."""
        return set(self.blobs.keys())

    def _whole(self, key: str) -> bytes:
        try:
            with self._records.open(key, self._records.size(key)) as body:
                return body.read()
        except OSError as error:
            raise Unavailable(f"{key} of the backup cannot be read: {error}") from error


def new_name() -> str:
    """What a backup that is made now is called; names sort by time."""
    return f"{timezone.now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


def _key(name: str, file: str) -> str:
    return f"{name[:4]}/{name}/{file}"


def _read(text: bytes) -> Manifest:
    try:
        said: dict[str, Any] = json.loads(text)
        seal = said.pop("seal")
        number, is_same = said["format"], _seal(said) == seal
    except (ValueError, KeyError, TypeError, AttributeError):
        number, is_same = FORMAT, False
    if not is_same:
        raise Unavailable("the manifest of the backup is damaged; take an older backup (--name)")
    if number > FORMAT:
        raise Conflict("the backup was made by a newer version of this program; restore it with that one")
    database, keys = (File(**said[each]) if said[each] else None for each in ("database", "keys"))
    return Manifest(**said | {"database": database, "keys": keys})


def _seal(said: dict[str, Any]) -> str:
    return hashlib.sha512(json.dumps(said, sort_keys=True).encode()).hexdigest()
