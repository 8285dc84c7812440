"""Base64 in, a hashed file out, in constant memory."""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from packages.wire.intents import Spooled
from registry_site.errors import Invalid, TooLarge, Unavailable

logger = logging.getLogger(__name__)

MEGABYTE = 2**20


class Spool:
    """Decodes one tarball strictly into a new file of `folder`; the file exists once the first byte was written.

    max_tarball: bytes; one more raises TooLarge. Text that is not exactly one base64 value raises Invalid.
    """

    def __init__(self, folder: Path, max_tarball: int) -> None:
        self._folder = folder
        self._max = max_tarball
        self._path = folder
        self._file: BinaryIO | None = None
        self._rest = b""
        self._padded = False
        self._size = 0
        self._sha512 = hashlib.sha512()
        self._sha1 = hashlib.sha1(usedforsecurity=False)

    def write(self, base64_text: bytes) -> None:
        text = self._rest + base64_text if self._rest else base64_text
        whole = len(text) & ~3
        self._rest = text[whole:]
        if whole:
            self._take(_decode(text[:whole], after_padding=self._padded))
            self._padded = text[whole - 1 : whole] == b"="

    def close(self) -> None:
        if self._rest:
            raise _not_base64()
        with _room():
            self._opened().close()

    def spooled(self) -> Spooled:
        """The finished file. Only after `close`."""
        return Spooled(self._path, self._size, self._sha512.digest(), self._sha1.hexdigest())

    def discard(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # what is not written yet does not fit either
                self._file.close()
            self._path.unlink(missing_ok=True)

    def _take(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._max:
            raise tarball_too_large(self._max)
        self._sha512.update(data)
        self._sha1.update(data)
        with _room():
            self._opened().write(data)

    def _opened(self) -> BinaryIO:
        if self._file is None:
            handle, path = tempfile.mkstemp(prefix="upload-", suffix=".tgz", dir=self._folder)
            self._path = Path(path)
            self._file = os.fdopen(handle, "wb")
        return self._file


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        logger.error("an upload could not be received: %s", error)
        raise Unavailable("there is no room for the tarball right now; try again") from error


def tarball_too_large(limit: int) -> TooLarge:
    message = f"the tarball is over {limit / MEGABYTE:g} MB, the most this registry takes"
    return TooLarge(message, code="tarball_too_large")


def _decode(text: bytes, *, after_padding: bool) -> bytes:
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        raise _not_base64() from None
    # The standard library accepts bits beyond the last byte, so that two texts mean one value.
    if after_padding or (text.endswith(b"=") and base64.b64encode(data[-(len(data) % 3) :]) != text[-4:]):
        raise _not_base64()
    return data


def _not_base64() -> Invalid:
    return Invalid("the tarball is not strict base64", code="bad_base64")
