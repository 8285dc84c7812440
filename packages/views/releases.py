"""Deprecating and unpublishing from the browser."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from accounts.views.stepping import asks_again
from packages import packuments, releases
from packages.models import Package
from packages.views import context, versions
from registry_site.errors import Malformed, NotAllowed, Refusal

MATCHES_SHOWN = 60
MOST_UNDONE = 1_000  # messages that the form behind Undo carries


def deprecate(request, name: str) -> HttpResponse:
    """Warn the installers of a version or a range, with a preview of which; an empty message takes the warning back."""
    found, shared = context.of_package(request, name, "versions")
    if "publish" not in shared["can"]:
        raise NotAllowed(f"publishing needs read-write access to {name}")
    sent = request.POST if request.method == "POST" else request.GET
    chosen, message = sent.get("version", "").strip(), sent.get("message", "").strip()
    chosen = "*" if chosen == "all" else chosen
    if request.method == "POST":
        try:
            return _deprecated(request, name, chosen, message)
        except Refusal as refusal:
            shared["error"] = refusal.message
    shared |= _preview(found, chosen) | {"chosen": chosen, "message": message}
    template = "partials/deprecate_preview.html" if request.htmx and request.method == "GET" else "pages/deprecate.html"
    return render(request, template, shared, status=422 if "error" in shared else 200)


@asks_again
def unpublish(request, name: str) -> HttpResponse:
    """Take a version, or the whole package, away; asked for by typing the name, and by showing again who one is."""
    found, shared = context.of_package(request, name, "versions")
    if "manage" not in shared["can"]:
        raise NotAllowed(f"only owners may unpublish {name}")
    numbers = list(found.versions.listed().values_list("number", flat=True))
    chosen = request.POST.get("version", request.GET.get("version", "all"))
    error = ""
    if request.method == "POST":
        if request.POST.get("confirm", "").strip() == name:
            return _unpublished(request, found, numbers, chosen)
        error = f"Type {name} to confirm."
    shared |= {"numbers": numbers, "chosen": chosen, "error": error, "unpublished_days": settings.UNPUBLISHED_DAYS}
    return render(request, "pages/unpublish.html", shared)


def _preview(package: Package, chosen: str) -> dict[str, Any]:
    current = dict(package.versions.listed().values_list("number", "deprecated"))
    try:
        matches = releases.matching(current, chosen) if chosen else []
    except Refusal as refusal:
        return {"total": len(current), "matches": [], "preview_error": refusal.message}
    shown = [{"number": number, "deprecated": current[number]} for number in matches[:MATCHES_SHOWN]]
    more = max(len(matches) - MATCHES_SHOWN, 0)
    return {"total": len(current), "matches": shown, "match_count": len(matches), "more": more}


def _deprecated(request, name: str, chosen: str, message: str) -> HttpResponse:
    if back := request.POST.get("back", ""):
        releases.deprecate(request.actor, name, _messages(back))
        return versions.changed(request, name, {"text": "The messages are what they were."})
    before = releases.deprecate_range(request.actor, name, chosen, message)
    count = f"{len(before)} version{'' if len(before) == 1 else 's'}"
    said = f"{count} deprecated: installers see the message." if message else f"The warning of {count} is gone."
    notice: dict[str, Any] = {"text": said if before else "Nothing changed: they say that already."}
    if 0 < len(before) <= MOST_UNDONE:
        notice["undo"] = {"url": reverse("package-deprecate", args=[name]), "fields": {"back": json.dumps(before)}}
    return versions.changed(request, name, notice)


def _messages(text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Malformed("this Undo cannot be read; set the messages again") from error
    if not isinstance(found, dict) or not all(isinstance(message, str) for message in found.values()):
        raise Malformed("this Undo cannot be read; set the messages again")
    return found


def _unpublished(request, package: Package, numbers: list[str], chosen: str) -> HttpResponse:
    revision = packuments.revision_of(package)
    if chosen == "all" or numbers == [chosen]:
        releases.unpublish(request.actor, package.name, revision)
        messages.success(request, f"{package.name} was unpublished.")
        return redirect("package-restore", package.name)
    releases.unpublish_versions(request.actor, package.name, frozenset(numbers) - {chosen}, revision)
    undo = {"url": reverse("package-restore", args=[package.name]), "fields": {"version": chosen}}
    return versions.changed(request, package.name, {"text": f"{package.name}@{chosen} was unpublished.", "undo": undo})
