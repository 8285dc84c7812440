"""Tarball bytes, each stored once under its own digest and a random part, written whole before any row names it."""

from __future__ import annotations

import logging
import time
from functools import cache
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit, urlunsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from packages.blobs.folder import FolderStore
from packages.blobs.moving import MovingStore
from packages.blobs.s3 import S3Store
from packages.blobs.store import Store, new_key
from registry_site.errors import Unavailable

logger = logging.getLogger(__name__)

_LATER = "the tarball cannot be read right now; try again"
YOUNG = 30 * 60  # seconds; `manage.py sweep_blobs` leaves everything alone that is younger than an hour


def keep(sha512: bytes, source: Path) -> str:
    """Store the bytes of `source`, safe against power loss when this returns; gives the key to read them by.

    sha512: the 64 raw bytes of the digest. source: a file of ours; it is gone afterwards.
    Raises Unavailable when the store does not take it.
    """
    key = new_key(sha512)
    try:
        store().put(key, source)
    except OSError as error:
        logger.error("a tarball could not be stored: %s", error)
        raise Unavailable("the tarball could not be stored; try again") from error
    return key


def require_young(kept_at: float) -> None:
    """Goes on when no sweep can have taken a blob yet that no row names; last in the transaction that names it.

    kept_at: the time when it was kept. A machine that slept for a day, or whose clock was set, sweeps what it is about
    to list. Raises Unavailable.
    """
    if time.time() - kept_at > YOUNG:
        raise Unavailable("it took too long to list the version; try again")


def open_blob(key: str, size: int) -> BinaryIO:
    """The bytes of a blob that should be `size` long.

    Raises Unavailable, never NotFound, when they cannot be read: a listed version that is missing is our fault.
    """
    try:
        return store().open(key, size)
    except OSError as error:
        logger.error("a tarball could not be read: %s", error)
        raise Unavailable(_LATER) from error


def whole(body: BinaryIO) -> bytes:
    """All bytes of an open blob, which is closed then; for small ones. Raises as `open_blob`."""
    try:
        with body:
            return body.read()
    except OSError as error:
        logger.error("a tarball could not be read: %s", error)
        raise Unavailable(_LATER) from error


def require(key: str, size: int) -> None:
    """Goes on when the store has this blob at its full length, for somebody else to send it. Raises as `open_blob`."""
    try:
        found = store().size(key)
    except OSError as error:
        logger.error("a tarball could not be found: %s", error)
        raise Unavailable(_LATER) from error
    if found != size:
        logger.error("%s has %s bytes, and should have %s", key, found, size)
        raise Unavailable(_LATER)


def discard(key: str) -> None:
    """Remove a blob that no row names, as after a publish that was refused.

    Where the store does not answer it stays, and `manage.py sweep_blobs` removes it.
    """
    try:
        store().delete(key)
    except OSError as error:
        logger.warning("a tarball that nothing names could not be removed: %s", error)


def digest_of(key: str) -> str:
    """The SHA-512 of a blob's bytes, in hexadecimal, as its key says it."""
    return key.rpartition("/")[2].partition("-")[0]


@cache
def store() -> Store:
    """The store that `STORAGE_URL` names, with the one it takes over from. Raises ImproperlyConfigured as `at`."""
    new = at(settings.STORAGE_URL)
    if not settings.STORAGE_FALLBACK_URL:
        return new
    return MovingStore(new, at(settings.STORAGE_FALLBACK_URL, "STORAGE_FALLBACK_URL"))


def below(url: str, folder: str) -> str:
    """The address of a folder in the store at an address; neither sees what is in the other."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{folder}"))


def at(url: str, name: str = "STORAGE_URL") -> Store:
    """The store at an address such as `file:///srv/blobs` or `s3://bucket/prefix?endpoint=https://s3.example.com`.

    name: of the setting, for the message. Raises ImproperlyConfigured for what is no such address.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return FolderStore(Path(unquote(parts.path)))
    if parts.scheme == "s3":
        return S3Store.at(parts, name)
    raise ImproperlyConfigured(f"{name} begins with file:// or s3://, not {parts.scheme}://")
