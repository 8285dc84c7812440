"""Stored documents are of the package as it is, or older and never sent, but never wrong."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

from django.db.models import F

from accounts.actor import Actor
from packages.changes import maintaining
from packages.models import Document
from packages.packuments import building
from packages.packuments.deflating import plain
from packages.verification.wrong import Wrong

MEND = "run manage.py verify --mend, which removes it; its next reader builds it anew"


def look(tell: Callable[[int], None], sample: int | None) -> Iterator[Wrong]:
    """Documents that say what the rows do not, and those of a revision that is not there yet.

    sample: how many of those that can be sent are made anew and compared, of the packages that changed last.
    """
    for pk in _too_new():
        yield _wrong(pk, "is of a revision that its package never had")
    fresh = Document.objects.filter(revision=F("package__revision"), package__mirrored=False)
    for pk in list(fresh.order_by("-package__modified_at", "pk").values_list("pk", flat=True)[:sample]):
        if not _is_right(pk) and not _is_right(pk):  # twice: it may have changed between two queries
            yield _wrong(pk, "does not say what its rows say")
        tell(1)


def mend(actor: Actor, sample: int | None) -> int:
    """Remove the documents that `look` finds; gives how many. Their next readers build them anew.

    Raises NotAllowed for anybody but an operator.
    """
    fresh = Document.objects.filter(revision=F("package__revision"), package__mirrored=False)
    keys = list(fresh.order_by("-package__modified_at", "pk").values_list("pk", flat=True)[:sample])
    wrong = [*_too_new(), *(pk for pk in keys if not _is_right(pk) and not _is_right(pk))]
    for pk in wrong:
        document = Document.objects.select_related("package").get(pk=pk)
        # A new revision, because processes remember what they sent for the old one.
        with maintaining(document.package, actor, "documents.removed"):
            document.delete()  # with its parts: what is wrong may come from one of them
    return len(wrong)


def _too_new() -> list[int]:
    return list(Document.objects.filter(revision__gt=F("package__revision")).values_list("pk", flat=True))


def _is_right(pk: int) -> bool:
    document = Document.objects.select_related("package__scope__user", "package__latest").filter(pk=pk).first()
    if document is None or document.revision != document.package.revision:
        return True  # it went, or is never sent again
    full, abbreviated = building.anew(document.package, document.base)
    pairs = ((document.full_gzip, full), (document.abbreviated_gzip, abbreviated))
    return all(_same(bytes(stored), made.packed) for stored, made in pairs)


def _same(stored: bytes, made: bytes) -> bool:
    try:
        return stored == made or b"".join(plain(stored)) == b"".join(plain(made))
    except zlib.error:
        return False


def _wrong(pk: int, says: str) -> Wrong:
    document = Document.objects.select_related("package").get(pk=pk)
    return Wrong(document.package.name, f"the document for {document.base} {says}", MEND)
