"""The keys of a registry in a backup, for who asks for them: with them a restored one is the same registry."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from django.conf import settings

from packages.backup.place import File, Manifest, Place
from registry_site import spool
from registry_site.errors import NotFound, Unavailable

SIGNING_KEY = re.compile(r"[0-9]{1,10}\.json", re.ASCII)


def keep(place: Place, name: str, folder: Path) -> File:
    """Put the secret key and the signing keys into a backup that is being made. folder: for the file meanwhile."""
    signing = {path.name: path.read_text() for path in sorted(settings.SIGNING_KEYS_DIR.glob("[0-9]*.json"))}
    file = folder / "keys.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps({"secret_key": settings.SECRET_KEY, "signing_keys": signing}))
    return place.keep(name, file)


def require(manifest: Manifest) -> File:
    """The file with the keys of a backup. Raises NotFound when it has none."""
    if manifest.keys is None:
        raise NotFound(f"the backup {manifest.name} was made without --keys, and has none")
    return manifest.keys


def bring_back(place: Place, manifest: Manifest) -> None:
    """Put the keys of a backup where this registry looks for its own; those that are there are put aside.

    Raises NotFound when the backup has none, Unavailable when they cannot be read or written.
    """
    kept = require(manifest)
    with spool.folder("restore") as folder:
        file = folder / "keys.json"
        place.fetch(kept, file)
        said = json.loads(file.read_text())
    if not all(SIGNING_KEY.fullmatch(name) for name in said["signing_keys"]):
        raise Unavailable("the keys of the backup are not called as keys are; nothing of them was written")
    try:
        aside = settings.SIGNING_KEYS_DIR / f"before-{manifest.name}"
        aside.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in settings.SIGNING_KEYS_DIR.glob("[0-9]*.json"):
            path.rename(aside / path.name)
        for name, text in said["signing_keys"].items():
            _write(settings.SIGNING_KEYS_DIR / name, text)
        _write(settings.DATA_DIR / "secret_key", said["secret_key"])
    except OSError as error:
        raise Unavailable(f"the keys could not be written: {error}; the rows are there, run it again") from error


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
