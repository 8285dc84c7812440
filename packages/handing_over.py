"""Tarballs that somebody else sends: the front server from the same folder, or the object store itself.

The policy was asked before; what is given here is good for one answer only.
"""

from __future__ import annotations

import threading
from pathlib import Path

from django.conf import settings

from packages import blobs
from packages.blobs.folder import FolderStore
from packages.blobs.s3 import S3Store
from packages.models import Version

ACCEL = "/_blobs"  # what the front server's internal location is called; its clients never see it
LINK_SECONDS = 300
TYPE = "application/octet-stream"
CACHE = "private, max-age=31536000, immutable"
MOST_SEEN = 50_000


def headers(version: Version) -> dict[str, str] | None:
    """Headers that say where the bytes of a version are; None when this process sends them itself.

    With `Location` among them it is a redirect, which a client follows without its token. While a store takes over from
    another one this process sends everything.
    Raises Unavailable when the bytes are not there: nobody behind us would say 503.
    """
    store = blobs.store()
    match settings.TARBALLS_BY:
        case "x-accel" if isinstance(store, FolderStore):
            blobs.require(version.blob, version.size)
            return {"X-Accel-Redirect": f"{ACCEL}/{version.blob}"}
        case "x-sendfile" if isinstance(store, FolderStore):
            blobs.require(version.blob, version.size)
            return {"X-Sendfile": str(Path(store.root) / version.blob)}
        case "redirect" if isinstance(store, S3Store):
            _seen.require(version)
            link = store.link(version.blob, LINK_SECONDS, ResponseContentType=TYPE, ResponseCacheControl=CACHE)
            return {"Location": link, "Cache-Control": "private, no-store"}
    return None


class _Seen:
    # The store is asked once for each tarball and process whether it has it; what it has, it keeps.
    def __init__(self) -> None:
        self._keys: dict[str, None] = {}
        self._lock = threading.Lock()

    def require(self, version: Version) -> None:
        if version.blob in self._keys:
            return
        blobs.require(version.blob, version.size)
        with self._lock:
            self._keys[version.blob] = None
            if len(self._keys) > MOST_SEEN:
                del self._keys[next(iter(self._keys))]


_seen = _Seen()
