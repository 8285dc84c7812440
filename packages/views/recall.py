"""Who downloaded a version, for those who manage its package; and the mail to those who have it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts import notices
from accounts.views.stepping import require_recent
from packages import access, recall, records
from packages.recall import MAX_REASON, MOST_DEPENDENTS, Recall
from packages.views.paging import page_of
from registry_site import sheets
from registry_site.errors import Refusal
from registry_site.htmx import answer, take_notice

A_PAGE = 50
MOST_ROWS = 100_000  # of one file
BATCH = 500  # rows whose people are asked for at once
SHEET_HEAD = ["who", "token", "from", "client", "downloads", "first", "last"]
CARD = "partials/recall_warn.html"


def page(request, name: str, number: str) -> HttpResponse:
    """How many got a version and what depends on it; once it is recalled, who of those with access got it."""
    found = recall.of_own(request.actor, name, number)
    return render(request, "pages/package_recall.html", _context(request, found) | {"notice": take_notice(request)})


def sheet(request, name: str, number: str) -> HttpResponse:
    """Those that the page names, as CSV: who takes that along shows once more who they are."""
    found = recall.of_own(request.actor, name, number)
    require_recent(request)
    return sheet_of(found)


@require_POST
def warn(request, name: str, number: str) -> HttpResponse:
    """Mail everybody who downloaded the version."""
    reason = request.POST.get("reason", "")
    try:
        count = recall.warn(request.actor, name, number, reason)
    except Refusal as refusal:
        context = _context(request, recall.of_own(request.actor, name, number))
        context |= {"error": refusal.message, "reason": reason}
        return render(request, CARD if request.htmx else "pages/package_recall.html", context, status=422)
    notice = {"text": f"{count} {'person was' if count == 1 else 'people were'} told by mail.", "tone": "good"}
    context = _context(request, recall.of_own(request.actor, name, number)) if request.htmx else {}
    return answer(request, CARD, context, page=reverse("package-recall", args=[name, number]), notice=notice)


def callers_of(request, found: Recall, size: int = A_PAGE) -> dict[str, Any]:
    """The page of those who got a version, each with what to say of them, and what every such page says."""
    rows = page_of(request, records.callers(found.shown), size, count=found.named)
    rows.object_list = records.told(list(rows.object_list))
    return {
        "recall": found,
        "page": rows,
        "days": settings.DOWNLOAD_RECORD_DAYS,
        "is_mailing": notices.is_on(),
        "max_reason": MAX_REASON,
    }


def sheet_of(found: Recall) -> HttpResponse:
    """Those of a recall that the actor sees, as CSV."""
    head = f"{found.name}-{found.number}".replace("/", "-")
    return sheets.download(f"{head}-downloads", SHEET_HEAD, _rows(found))


def _rows(found: Recall) -> Iterator[list[object]]:
    everybody = records.callers(found.shown)[:MOST_ROWS].iterator(BATCH)
    while some := list(islice(everybody, BATCH)):
        for each in records.told(some):
            last = each.last
            moments = (moment.isoformat(timespec="seconds") for moment in (each.first_at, each.last_at))
            yield [last.who, last.credential, last.address, last.client, each.count, *moments]


def _context(request, found: Recall) -> dict[str, Any]:
    visible = access.seen_by(request.actor)
    affected = recall.dependents(visible, found.name, found.number)
    return callers_of(request, found) | {
        "affected": affected[:MOST_DEPENDENTS],
        "more_affected": len(affected) > MOST_DEPENDENTS,
    }
