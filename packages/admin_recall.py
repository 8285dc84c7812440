"""The recall pages of operators: any version, everybody by name, and quarantine in one click."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Max, Q, Sum
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.views.decorators.http import require_POST

from accounts.operating import actor_of
from accounts.views.stepping import require_recent
from packages import quarantine, recall
from packages.models import DownloadRecord, MirrorVersion
from packages.recall import MOST_DEPENDENTS
from packages.upstream import alerts
from packages.views.recall import callers_of, sheet_of
from registry_site.errors import Refusal

MOST_LISTED = 100


def urls(site) -> list:
    """The addresses of these pages, behind the door of the admin site."""

    def behind(view):
        def shown(request, **parts):
            if not request.user.is_superuser:
                raise PermissionDenied
            return view(request, site.each_context(request), **parts)

        return site.admin_view(shown)

    version = "recall/<package:name>/<str:number>"
    return [
        path("recall/", behind(index), name="recalls"),
        path(version, behind(page), name="recall"),
        path(f"{version}/downloads.csv", behind(sheet), name="recall-sheet"),
        path(f"{version}/hold", require_POST(behind(hold)), name="recall-hold"),
        path(f"{version}/lift", require_POST(behind(lift)), name="recall-lift"),
        path(f"{version}/warn", require_POST(behind(warn)), name="recall-warn"),
        path(f"{version}/close", require_POST(behind(close)), name="recall-close"),
    ]


def index(request, shared: dict[str, Any]) -> HttpResponse:
    """What waits for a decision, what is held, and every version of a package that was downloaded or is mirrored."""
    name = request.GET.get("q", "").replace("\0", "").strip()[:214]
    held = MirrorVersion.objects.exclude(quarantined_at=None).select_related("mirror").order_by("-quarantined_at")
    context = {
        "title": "Recalls",
        "q": name,
        "found": _versions(name) if name else [],
        "most": MOST_LISTED,
        "alerts": alerts.still_open().filter(kind__in=alerts.RECALLS)[:MOST_LISTED],
        "held": held[:MOST_LISTED],
    }
    return TemplateResponse(request, "admin/recalls.html", shared | context)


def page(request, shared: dict[str, Any], name: str, number: str) -> HttpResponse:
    """One version: why, who got it, what depends on it; and what can be done about it."""
    found = recall.of_any(actor_of(request), name, number)
    affected = recall.dependents(None, name, number)
    listed = alerts.still_open().filter(Q(number=number) | Q(number=""), name=name)
    context = callers_of(request, found) | {
        "title": f"Recall of {name}@{number}",
        "affected": affected[:MOST_DEPENDENTS],
        "more_affected": len(affected) > MOST_DEPENDENTS,
        "alerts": listed,
        "suggested": next((each.text.partition(". ")[0] for each in listed), ""),
        "most_reason": quarantine.MAX_REASON,
    }
    return TemplateResponse(request, "admin/recall.html", shared | context)


def sheet(request, shared: dict[str, Any], name: str, number: str) -> HttpResponse:
    """Everybody who got the version, as CSV: who takes that along shows once more who they are."""
    require_recent(request)
    return sheet_of(recall.of_any(actor_of(request), name, number))


def hold(request, shared: dict[str, Any], name: str, number: str) -> HttpResponse:
    """Put the version into quarantine."""
    reason = request.POST.get("reason", "")
    return _done(request, name, number, "In quarantine.", quarantine.hold, reason)


def lift(request, shared: dict[str, Any], name: str, number: str) -> HttpResponse:
    """Take the version out of quarantine again."""
    return _done(request, name, number, "Out of quarantine.", quarantine.lift)


def warn(request, shared: dict[str, Any], name: str, number: str) -> HttpResponse:
    """Mail everybody who downloaded the version."""
    reason = request.POST.get("reason", "")
    return _done(request, name, number, "Those who downloaded it were told by mail.", recall.warn, reason)


def close(request, shared: dict[str, Any], name: str, number: str) -> HttpResponse:
    """Close the alerts about the version; those about the whole package stay."""
    try:
        for each in alerts.still_open().filter(name=name, number=number):
            alerts.close(actor_of(request), each)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect("admin:recall", name, number)


def _done(request, name: str, number: str, said: str, verb, *more: str) -> HttpResponse:
    try:
        verb(actor_of(request), name, number, *more)
        messages.success(request, said)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect("admin:recall", name, number)


def _versions(name: str) -> list[dict[str, Any]]:
    downloaded = DownloadRecord.objects.filter(name=name).order_by().values("number")
    found = {row["number"]: row for row in downloaded.annotate(all=Sum("count"), last=Max("last_at"))}
    listed = MirrorVersion.objects.filter(mirror__name=name).order_by("-seen_at", "-pk")
    for number in listed.values_list("number", flat=True)[:MOST_LISTED]:
        found.setdefault(number, {"number": number, "all": 0, "last": None})
    return sorted(found.values(), key=lambda row: (row["last"] is None, -row["all"]))[:MOST_LISTED]
