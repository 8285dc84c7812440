"""Where backups lie: all of them in one folder or bucket, over one collection of tarballs."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from packages import blobs
from packages.blobs.folder import FolderStore
from packages.blobs.store import Store
from registry_site import spool
from registry_site.errors import Conflict, NotFound, Unavailable

FORMAT = 1
MANIFEST = "manifest.json"
BEGUN, FORGETTING = "begun", "forgetting"  # what a run says beside its files as long as it lasts
BROKEN_OFF = timedelta(days=1)  # a run without a manifest that began so long ago is none any more
RENEWED = timedelta(minutes=30)  # one that removes says anew that it does, many times in this time
PIECE = 1 << 20
PRIVATE = 0o600  # of every file: passwords' hashes and private packages are in them
_NAME = re.compile(r"[0-9A-Za-z-]{1,64}")
_BEGUN_AT = re.compile(r"[0-9]{8}T[0-9]{6}Z(?=-[0-9a-f]+$)")


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
    listed: the keys of its tarballs, a line each, compressed; None in backups of a time that had no such file.
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
    listed: File | None = None
    format: int = FORMAT


class Place:
    """Backups at an address: a folder, `file:///...` or `s3://bucket/prefix?...`.

    blobs: the tarballs of all backups. Raises ImproperlyConfigured for what is no address.
    """

    def __init__(self, where: str) -> None:
        self.url = where if "://" in where else Path(where).resolve().as_uri()
        self.blobs: Store = _private(self.blobs_url)
        self._records: Store = _private(blobs.below(self.url, "backups"))

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
            keys = list(self._records.names())
        except OSError as error:
            raise Unavailable(f"the backups cannot be listed: {error}") from error
        names = [key.split("/")[1] for key in keys if key.endswith(f"/{MANIFEST}")]
        return sorted(name for name in names if _NAME.fullmatch(name))

    def manifest(self, name: str = "") -> Manifest:
        """That of a backup, the last one unless it is named.

        Raises NotFound when there is no whole one, Conflict for a newer format, Unavailable when it is damaged.
        """
        found = self.names()
        if not found:
            raise NotFound(f"there is no whole backup at {self.url}; one that broke off has no manifest")
        if name and name not in found:
            raise NotFound(f"there is no whole backup {name}; there are {', '.join(found[-5:])}")
        return _read(name or found[-1], self._whole(_key(name or found[-1], MANIFEST)))

    def keep(self, name: str, source: Path) -> File:
        """Keep a file of a backup that is being made; it is gone from where it was."""
        source.chmod(PRIVATE)
        with source.open("rb") as body:
            digest = hashlib.file_digest(body, "sha512").hexdigest()
        file = File(_key(name, source.name), source.stat().st_size, digest)
        self._records.put(file.key, source)
        return file

    def finish(self, manifest: Manifest, folder: Path) -> None:
        """Write the manifest: from now on the backup is one. folder: in the spool, for the draft."""
        said = asdict(manifest)
        draft = folder / MANIFEST
        draft.write_text(json.dumps(said | {"seal": _seal(said)}, indent=2))
        self._records.put(_key(manifest.name, MANIFEST), draft)
        with suppress(OSError):  # the manifest says it, too
            self._records.delete(_key(manifest.name, BEGUN))

    def begin(self, name: str, word: str) -> None:
        """Say that a run has begun, or goes on: a backup (`BEGUN`), or one that removes some (`FORGETTING`).

        Raises OSError.
        """
        self.prepare()
        with spool.folder("backup") as folder:
            (folder / word).touch()
            self._records.put(_key(name, word), folder / word)

    def under_way(self, word: str) -> list[str]:
        """The runs that say so, and that a power cut has not ended long ago. Raises OSError."""
        floor = timezone.now() - (RENEWED if word == FORGETTING else BROKEN_OFF)
        found = ((name, files) for name, files in self._files().items() if word in files and MANIFEST not in files)
        return sorted(name for name, files in found if self._said_at(name, files) > floor)

    def broken_off(self) -> list[str]:
        """What is no backup, and said more than a day ago that it goes on. Raises OSError."""
        floor = timezone.now() - BROKEN_OFF
        found = ((name, files) for name, files in self._files().items() if MANIFEST not in files)
        return sorted(name for name, files in found if self._said_at(name, files) < floor)

    def remove(self, name: str) -> None:
        """Remove a backup, or what is left of one, but none of the tarballs. Raises OSError."""
        for file in sorted(self._files().get(name, ()), key=lambda file: file != MANIFEST):
            self._records.delete(_key(name, file))
        if isinstance(self._records, FolderStore):
            with suppress(OSError):  # somebody put something of their own there
                (self._records.root / _key(name, "")).rmdir()

    def _said_at(self, name: str, files: set[str]) -> datetime:
        # A first backup may take days; while it goes on it says so, again and again.
        began = _begun_at(name)
        if BEGUN not in files:
            return began
        try:
            return max(began, datetime.fromtimestamp(self._records.written(_key(name, BEGUN)), UTC))
        except FileNotFoundError:  # it ended meanwhile
            return began

    def _files(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for key in self._records.names():
            name, _, file = key.partition("/")[2].partition("/")
            if _BEGUN_AT.match(name) and file and "/" not in file:
                found.setdefault(name, set()).add(file)
        return found

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


def _private(url: str) -> Store:
    store = blobs.at(url, "the address of the backups")
    if isinstance(store, FolderStore):
        store.mode = PRIVATE
    return store


def new_name() -> str:
    """What a backup that is made now is called; names sort by time."""
    return f"{timezone.now():%Y%m%dT%H%M%SZ-%f}{secrets.token_hex(2)}"


def _begun_at(name: str) -> datetime:
    return datetime.strptime(name[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _key(name: str, file: str) -> str:
    return f"{name[:4]}/{name}/{file}"


def _read(name: str, text: bytes) -> Manifest:
    try:
        said: dict[str, Any] = json.loads(text)
        seal = said.pop("seal")
        number, is_same = said["format"], _seal(said) == seal and said["name"] == name
    except (ValueError, KeyError, TypeError, AttributeError):
        number, is_same = FORMAT, False
    if not is_same:
        raise Unavailable("the manifest of the backup is damaged; take an older backup (--name)")
    if number > FORMAT:
        raise Conflict("the backup was made by a newer version of this program; restore it with that one")
    files = {each: File(**said[each]) if said.get(each) else None for each in ("database", "keys", "listed")}
    if any(file is not None and file.key != _key(name, Path(file.key).name) for file in files.values()):
        raise Unavailable("the manifest of the backup names files of another one; take an older backup (--name)")
    return Manifest(**said | files)


def _seal(said: dict[str, Any]) -> str:
    return hashlib.sha512(json.dumps(said, sort_keys=True).encode()).hexdigest()
