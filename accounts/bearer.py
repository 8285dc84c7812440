"""The text of a bearer token: what it looks like, and how it is kept (pure)."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib

# npm hides strings of this shape in its logs: npm_ and 36 to 48 letters and digits (@npmcli/redact).
PREFIX = "npm_"
RANDOM_LENGTH = 42  # letters and digits: 250 bits
CHECK_LENGTH = 6
SHAPE = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{RANDOM_LENGTH + CHECK_LENGTH}}}", re.ASCII)
SHOWN = 8  # characters of the beginning that lists show

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase


def make() -> str:
    """A new one, random but for its prefix and its checksum."""
    body = PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(RANDOM_LENGTH))
    return body + _checksum(body)


def is_well_formed(secret: str) -> bool:
    """Whether this could be one of our tokens at all: shape and checksum, without the database."""
    return bool(SHAPE.fullmatch(secret)) and secret[-CHECK_LENGTH:] == _checksum(secret[:-CHECK_LENGTH])


def digest(secret: str) -> str:
    """How a random secret of 250 bits is kept: its SHA-256 in hex; a slower hash would add nothing but time."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _checksum(body: str) -> str:
    value, digits = zlib.crc32(body.encode()), ""
    for _ in range(CHECK_LENGTH):
        value, digit = divmod(value, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
