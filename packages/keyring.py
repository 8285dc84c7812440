"""The keys that this registry signs versions with: files beside the data, never in the database."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from django.conf import settings
from django.utils import timezone

from registry_site.errors import Conflict, Unavailable

SCHEME = "ecdsa-sha2-nistp256"
# A publish that signed just before a new key appeared commits after it; its signature has to be good for its `time`.
UNDER_WAY = timedelta(minutes=5)
# The same text signed twice is the same bytes, so that documents that are built anew do not change by it.
_ALGORITHM = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


@dataclass(frozen=True)
class Key:
    """A signing key. expires: versions published from then on are not its own any more; None for the newest key."""

    private: ec.EllipticCurvePrivateKey
    expires: datetime | None = None

    @property
    def public(self) -> bytes:
        """DER, as in an X.509 certificate (SPKI)."""
        return self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def public_base64(self) -> str:
        """The public half as lists of keys show it."""
        return base64.b64encode(self.public).decode()

    @property
    def id(self) -> str:
        """How `dist.signatures` names it; npm's own keys are named alike."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.public).digest()).decode().rstrip("=")

    def sign(self, text: str) -> str:
        """A signature over a text, in base64, as npm and pnpm verify it."""
        return base64.b64encode(self.private.sign(text.encode(), _ALGORITHM)).decode()


def current() -> Key:
    """The newest key; the first one is made here. Raises Unavailable when the files cannot be read or written."""
    found = every()
    if not found:
        _add(1)  # when another process was faster, its key is the one
        found = every()
    return found[0]


def every() -> list[Key]:
    """All keys, newest first; empty before the first one was made. Raises Unavailable."""
    try:
        kept = [json.loads(path.read_text()) for path in _files()]
    except (OSError, ValueError) as error:
        raise Unavailable("the signing keys cannot be read; ask an operator of this registry") from error
    made = [datetime.fromisoformat(each["made"]) for each in kept]
    ends = [None, *(moment + UNDER_WAY for moment in made)]
    return [
        Key(load_pem_private_key(each["private"].encode(), password=None), end)  # type: ignore[arg-type]
        for each, end in zip(kept, ends, strict=False)
    ]


def rotate() -> Key:
    """Make a new key and sign with it from now on; the one before ends a few minutes later.

    Raises Conflict when another process did so at the same moment, Unavailable when the file cannot be written.
    """
    current()
    if not _add(int(_files()[0].stem) + 1):
        raise Conflict("another key was made at the same moment; look at the keys before you make one more")
    return current()


def _files() -> list[Path]:
    return sorted(settings.SIGNING_KEYS_DIR.glob("[0-9]*.json"), reverse=True)


def _add(number: int) -> bool:
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    folder: Path = settings.SIGNING_KEYS_DIR
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = folder / f".draft-{secrets.token_hex(8)}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump({"made": timezone.now().isoformat(), "private": pem}, file)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, folder / f"{number:04}.json")  # whole or not at all, and only one of two can win
        except FileExistsError:
            return False
        finally:
            draft.unlink()
    except OSError as error:
        raise Unavailable("the signing key cannot be written; ask an operator of this registry") from error
    return True
