"""Forgets what is cheap to ask for or to make again, so that the mirror does not grow with every question."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from packages.models import Mirror, MirrorDocument
from packages.stock.batches import batches

MISSING_KEPT = timedelta(days=1)
MOST_MISSING = 10_000
DOCUMENTS_KEPT = timedelta(days=14)  # after upstream was last asked, which is when somebody last asked us
UNUSED_DAYS = 90


def tidy() -> dict[str, int]:
    """Remove what is cheap to make again: old answers that there is no such package, documents of no use any more.

    Gives how many of each went. Source: the daily job, and `manage.py mirror_prune`.
    """
    now = timezone.now()
    before = now - MISSING_KEPT
    never = Q(checked_at=None, failed_at=None)  # as names that were asked for offline
    missing = _delete(_empty().filter(never | Q(checked_at__lt=before) | Q(checked_at=None, failed_at__lt=before)))
    missing += _delete(_empty().exclude(checked_at=None).order_by("-checked_at", "-pk")[MOST_MISSING:])
    stale = MirrorDocument.objects.exclude(revision=F("mirror__revision"))
    documents = _drop(stale)
    documents += _drop(MirrorDocument.objects.filter(valid_until__lt=now - DOCUMENTS_KEPT))
    sources = 0
    if not settings.UPSTREAM_OFFLINE:
        documents += _drop(MirrorDocument.objects.filter(mirror__checked_at__lt=now - DOCUMENTS_KEPT))
        sources = _unused(now - timedelta(days=settings.MIRROR_MAX_DAYS or UNUSED_DAYS))
    return {"missing": missing, "documents": documents, "packuments": sources}


def _unused(before: datetime) -> int:
    # Its digests stay, and so does what was known to be newest: only the packument is asked for anew.
    unused = Mirror.objects.filter(state=Mirror.State.FOUND, checked_at__lt=before, leased_until=None)
    bare = unused.exclude(source=b"").exclude(versions__version__isnull=False)
    gone = 0
    for some in batches(list(bare.values_list("pk", flat=True))):
        again = Mirror.objects.filter(pk__in=some, checked_at__lt=before, leased_until=None)
        gone += again.update(source=b"", is_full=False, etag="", state=Mirror.State.NEW)
    return gone


def _empty() -> QuerySet[Mirror]:
    # A row that holds digests stays, whatever its state says, and so does one that somebody asks upstream about.
    free = Q(leased_until=None) | Q(leased_until__lt=timezone.now())
    states = (Mirror.State.MISSING, Mirror.State.NEW)
    return Mirror.objects.filter(free, package=None, versions=None, state__in=states)


def _delete(mirrors: QuerySet[Mirror]) -> int:
    gone = 0
    for some in batches(list(mirrors.values_list("pk", flat=True))):
        gone += _empty().filter(pk__in=some).delete()[0]
    return gone


def _drop(documents: QuerySet[MirrorDocument]) -> int:
    gone = 0
    for some in batches(list(documents.values_list("pk", flat=True))):
        gone += MirrorDocument.objects.filter(pk__in=some).delete()[0]
    return gone
