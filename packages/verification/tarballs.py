"""Every version has its bytes, and they are what its row and its documents say."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import orjson

from packages import blobs
from packages.models import BASE_MARK, StagedVersion, Version
from packages.verification.wrong import Wrong

PIECE = 1 << 20
BATCH = 100
BACK = "bring it back from a backup (manage.py restore BACKUPS --tarballs), or put it into quarantine in /admin/"
RESTORE = "bring the database back from a backup (manage.py restore)"
_COLUMNS = ("pk", "package__name", "number", "blob", "size", "integrity", "shasum", "full")


class _Row(NamedTuple):
    pk: int
    package: str
    number: str
    blob: str
    size: int
    integrity: str
    shasum: str
    full: str


def look(tell: Callable[[int], None], *, quick: bool) -> Iterator[Wrong]:
    """Of published versions, unpublished ones that can come back, and staged ones. Raises OSError."""
    for rows in (StagedVersion.objects.all(), Version.objects.filter(erased_at=None)):
        last = 0
        while some := [_Row(*each) for each in rows.filter(pk__gt=last).order_by("pk").values_list(*_COLUMNS)[:BATCH]]:
            for row in some:
                yield from _wrong_words(row)
                says = _wrong_bytes(row, quick)
                if says and rows.filter(pk=row.pk, blob=row.blob).exists():  # else it was removed meanwhile
                    yield Wrong(f"{row.package}@{row.number}", says, BACK)
            tell(len(some))
            last = some[-1].pk


def _wrong_bytes(row: _Row, quick: bool) -> str:
    store = blobs.store()
    try:
        found = store.size(row.blob)
    except FileNotFoundError:
        return "its tarball is not in the storage"
    if found != row.size:
        return f"its tarball has {found} bytes in the storage, and should have {row.size}"
    if quick:
        return ""
    sha512, sha1 = hashlib.sha512(), hashlib.sha1(usedforsecurity=False)
    try:
        with store.open(row.blob, row.size) as body:
            while piece := body.read(PIECE):
                sha512.update(piece)
                sha1.update(piece)
    except FileNotFoundError:
        return "its tarball is not in the storage"
    if f"sha512-{base64.b64encode(sha512.digest()).decode()}" != row.integrity:
        return "the bytes of its tarball are not those that were published"
    return "" if sha1.hexdigest() == row.shasum else "its shasum is not that of its bytes"


def _wrong_words(row: _Row) -> Iterator[Wrong]:
    name = f"{row.package}@{row.number}"
    said = orjson.loads(row.full.replace(BASE_MARK, ""))
    dist = said.get("dist", {})
    for what, here, there in (
        ("name", row.package, said.get("name")),
        ("version", row.number, said.get("version")),
        ("integrity", row.integrity, dist.get("integrity")),
        ("shasum", row.shasum, dist.get("shasum")),
    ):
        if here != there:
            yield Wrong(name, f"its documents say another {what}", RESTORE)
    if blobs.digest_of(row.blob) != base64.b64decode(row.integrity.removeprefix("sha512-")).hex():
        yield Wrong(name, "its row names a tarball of another digest", RESTORE)
