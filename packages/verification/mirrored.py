"""What is mirrored is what upstream first said of it, and documents of it say the same."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import orjson
from django.db import transaction
from django.db.models import F

from accounts.actor import Actor
from packages.changes import maintaining
from packages.models import Mirror, MirrorDocument, MirrorVersion, Version
from packages.upstream import reading
from packages.verification.wrong import Wrong

BATCH = 200
MEND = "run manage.py verify --mend, which removes it; its next reader builds it anew"
AGAIN = "put it into quarantine in /admin/, and look at its alerts there"
Digests = dict[str, tuple[str, str]]


def look(tell: Callable[[int], None], sample: int | None) -> Iterator[Wrong]:
    """Tarballs that are not those upstream first spoke of, and documents that say otherwise.

    That the bytes themselves are what their rows say is looked at with all others.
    sample: how many documents are read, those that were built last; None for all.
    """
    yield from _versions()
    for pk in _documents(sample):
        if _wrong(pk) and (says := _wrong(pk)):  # twice: upstream may have said more in between
            yield Wrong(*says, MEND)
        tell(1)


def mend(actor: Actor, sample: int | None) -> int:
    """Remove the documents that `look` finds; gives how many. Raises NotAllowed for anybody but an operator."""
    wrong = [pk for pk in _documents(sample) if _wrong(pk) and _wrong(pk)]
    for pk in wrong:
        document = MirrorDocument.objects.select_related("mirror__package").get(pk=pk)
        with transaction.atomic():
            # Whoever writes what upstream said locks the two rows in this order, too. A new revision, because processes
            # remember what they sent for the old one.
            Mirror.objects.filter(pk=document.mirror_id).update(revision=F("revision") + 1)
            with maintaining(document.mirror.package, actor, "documents.removed"):
                document.delete()
    return len(wrong)


def _versions() -> Iterator[Wrong]:
    kept = Version.objects.filter(package__mirrored=True, erased_at=None)
    for version in kept.filter(mirrored_as=None).select_related("package"):
        yield Wrong(str(version), "it is kept, and upstream never listed it", AGAIN)
    rows = MirrorVersion.objects.exclude(version=None).order_by("pk")
    columns = ("pk", "mirror__name", "number", "integrity", "shasum")
    theirs = ("version__package__name", "version__number", "version__integrity", "version__shasum")
    last = 0
    while some := list(rows.filter(pk__gt=last).values_list(*columns, *theirs)[:BATCH]):
        for _, name, number, integrity, shasum, *kept_as in some:
            if [name, number] != kept_as[:2]:
                yield Wrong(f"{name}@{number}", f"it is kept as {kept_as[0]}@{kept_as[1]}", AGAIN)
            elif not _is_same(integrity, shasum, *kept_as[2:]):
                yield Wrong(f"{name}@{number}", "what is kept is not what upstream first said of it", AGAIN)
        last = some[-1][0]


def _is_same(integrity: str, shasum: str, kept_integrity: str, kept_shasum: str) -> bool:
    said = reading.digest_of(integrity)
    if said is None:
        return shasum == kept_shasum
    algorithm, value = said
    if algorithm == "sha512":
        return reading.digest_of(kept_integrity) == said
    return algorithm != "sha1" or value.hex() == kept_shasum  # of others no row keeps the digest


def _documents(sample: int | None) -> list[int]:
    fresh = MirrorDocument.objects.filter(revision__gte=F("mirror__revision"), mirror__package__isnull=False)
    return list(fresh.order_by("-pk").values_list("pk", flat=True)[:sample])


def _wrong(pk: int) -> tuple[str, str] | None:
    document = MirrorDocument.objects.select_related("mirror").defer("mirror__source").filter(pk=pk).first()
    if document is None or document.revision < document.mirror.revision:
        return None  # it went, or is never sent again
    says = _says(document)
    return (document.mirror.name, f"the mirrored document for {document.base} {says}") if says else None


def _says(document: MirrorDocument) -> str:
    if document.revision > document.mirror.revision:
        return "is of a revision that upstream never had"
    try:
        plain = gzip.decompress(bytes(document.body_gzip))
        said: dict[str, Any] = orjson.loads(plain)
        listed = {number: each["dist"] for number, each in said["versions"].items()}
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, AttributeError):
        return "cannot be read"
    if hashlib.blake2b(plain, digest_size=16).hexdigest() != document.etag or said.get("name") != document.mirror.name:
        return "is not the one that was built"
    for numbers in _batches(listed):
        known = MirrorVersion.objects.filter(mirror=document.mirror_id, number__in=numbers)
        rows = {row[0]: row[1:] for row in known.values_list("number", "integrity", "shasum", "quarantined_at")}
        for number in numbers:
            if number not in rows:
                return f"lists {number}, which upstream never did"
            if says := _says_of(number, listed[number], document.base, *rows[number]):
                return says
    return ""


def _says_of(number: str, dist: Any, base: str, integrity: str, shasum: str, quarantined_at: object) -> str:
    if quarantined_at is not None:
        return f"lists {number}, which is in quarantine"
    if not isinstance(dist, dict) or not str(dist.get("tarball", "")).startswith(f"{base}/"):
        return f"leads elsewhere for {number}"
    same = (dist.get("integrity") or integrity) == integrity and (dist.get("shasum") or shasum) == shasum
    return "" if same else f"says other bytes of {number} than upstream first did"


def _batches(listed: dict[str, Any]) -> Iterator[list[str]]:
    numbers = iter(listed)
    while some := list(islice(numbers, BATCH)):
        yield some
