"""The versions of a package: its tags, how each version was published, what is gone, and what can be brought back."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from packages import access, advisories, history, mirrored, releases, returns
from packages.access import Action
from packages.links import link
from packages.mirrored import Shelf, State
from packages.models import Package
from packages.views import context
from registry_site.errors import NotFound, Refusal
from registry_site.htmx import answer, take_notice

A_PAGE = 50
MOVES_SHOWN = 30
GONE_SHOWN = 100
CHOICES = 200  # numbers that the boxes suggest
CARDS = "partials/package_history.html"
STATES = {
    State.HERE: "kept here",
    State.LISTED: "not fetched yet",
    State.HELD: "held by a rule",
    State.QUARANTINED: "in quarantine",
    State.REMOVED: "removed upstream",
}


def page(request, name: str) -> HttpResponse:
    """Tags, every version with who published it, when and how, and what is off the list."""
    try:
        found, shared = context.of_package(request, name, "versions")
    except NotFound:
        if request.actor.is_signed_in:
            returns.find(request.actor, name)  # whoever may bring it back is shown how
            return redirect("package-restore", name)
        raise
    shared |= cards(found, shared, request.GET) | {"notice": take_notice(request)}
    return render(request, "pages/package_versions.html", shared)


@require_POST
def tags(request, name: str) -> HttpResponse:
    """Point a tag at a version, or, without a version, take it away."""
    package = access.find(request.actor, Action.PUBLISH, name)
    tag, number = request.POST.get("tag", "").strip(), request.POST.get("version", "").strip()
    before = package.tags.filter(name=tag).values_list("version__number", flat=True).first() or ""
    try:
        if number:
            releases.set_tag(request.actor, name, tag, number)
        else:
            releases.remove_tag(request.actor, name, tag)
    except Refusal as refusal:
        return changed(request, name, {}, {"error": refusal.message, "typed": {"tag": tag, "version": number}})
    undo = {"url": reverse("package-tags", args=[name]), "fields": {"tag": tag, "version": before}}
    said = f"{tag} points at {number} now." if number else f"The tag {tag} is gone."
    return changed(request, name, {"text": said} | ({"undo": undo} if before != number else {}))


def restore(request, name: str) -> HttpResponse:
    """Bring back one version, or the package that was unpublished whole."""
    if number := request.POST.get("version", ""):
        returns.restore_version(request.actor, name, number)
        return changed(request, name, {"text": f"{name}@{number} is listed again, with the same bytes."})
    found = returns.find(request.actor, name)
    if request.method == "POST":
        returns.restore(request.actor, name)
        return changed(request, name, {"text": f"{name} is back, as it was."})
    gone = list(returns.restorable(found).only("number", "unpublished_at", "published_at")[:GONE_SHOWN])
    until = returns.until(gone[0].unpublished_at)
    return render(request, "pages/package_restore.html", {"package": found, "gone": gone, "until": until})


def changed(request, name: str, notice: dict[str, Any], problem: dict[str, Any] | None = None) -> HttpResponse:
    """The answer to a change: the cards again, filtered as they were.

    problem: what the form says when the change was refused; then nothing is said to be done.
    """
    query = QueryDict(request.POST.get("here", ""))
    address = reverse("package-versions", args=[name]) + (f"?{query.urlencode()}" if query else "")
    if not (problem or request.htmx):
        return answer(request, CARDS, {}, page=address, notice=notice)
    found, shared = context.of_package(request, name, "versions")
    shared |= cards(found, shared, query) | (problem or {})
    if problem:
        template = CARDS if request.htmx else "pages/package_versions.html"
        return render(request, template, shared, status=422)
    return answer(request, CARDS, shared, page=address, notice=notice)


def cards(package: Package, shared: dict[str, Any], asked) -> dict[str, Any]:
    """What the cards of the page show. asked: the query of its address: q, state, page."""
    if (shelf := shared["shelf"]) is not None:
        return _warned(shared, _mirrored(shelf, asked))
    text, state = asked.get("q", "").strip()[: releases.MAX_RANGE], asked.get("state", "")
    total = shared["version_count"]
    shown, near = _narrowed(package, text, state, asked) if text or state else _all(package, total, asked)
    held, gone = history.off_list(package)
    moves, released = history.told(package) if shared["insider"] else ([], {})
    shows = {
        "tags": list(package.tags.select_related("version").only("name", "package", "version__number")),
        "moves": moves[:MOVES_SHOWN],
        "page": shown,
        "versions": _rows(shown.object_list, near, released),
        "all_numbers": [each.number for each in near[:CHOICES]],
        "total": total,
        "q": text,
        "state": state,
        "here": asked.urlencode(),
        "held": held,
        "gone": gone if "manage" in shared["can"] else [],
    }
    return _warned(shared, shows)


def _all(package: Package, total: int, asked) -> tuple[Page, list[history.Numbered]]:
    # Of ten thousand versions those of the page are read, and those that came just before them.
    shown = Paginator(range(total), A_PAGE).get_page(asked.get("page"))
    near = history.numbers(package, (shown.number - 1) * A_PAGE, CHOICES)
    shown.object_list = near[:A_PAGE]
    return shown, near


def _narrowed(package: Package, text: str, state: str, asked) -> tuple[Page, list[history.Numbered]]:
    everything = history.numbers(package)
    found = history.matching(everything, text, deprecated=state == "deprecated")
    return Paginator(found, A_PAGE).get_page(asked.get("page")), everything


def _warned(shared: dict[str, Any], shows: dict[str, Any]) -> dict[str, Any]:
    numbers = [each.number for each in shows["versions"]]
    return shows | {"warned": advisories.numbers_in(shared["advisories"], numbers)}


def _mirrored(shelf: Shelf, asked) -> dict[str, Any]:
    text, state = asked.get("q", "").strip()[: releases.MAX_RANGE], asked.get("state", "")
    everything = mirrored.numbers(shelf, state)
    found = history.matching(everything, text, deprecated=state == "deprecated")
    shown = Paginator(found, A_PAGE).get_page(asked.get("page"))
    counts = mirrored.counts(shelf)
    return {
        "explained": shelf.explained,
        "tags": shelf.tags,
        "page": shown,
        "versions": mirrored.listed(shelf, [each.pk for each in shown.object_list]),
        "total": sum(counts.values()),
        "states": [(state.value, STATES[state], counts[state]) for state in STATES if counts[state]],
        "q": text,
        "state": state,
    }


def _rows(shown, near: list[history.Numbered], released: dict[str, str]) -> list:
    place = {each.pk: at for at, each in enumerate(near)}
    found = history.rows([each.pk for each in shown])
    for version in found:
        at = place[version.pk] + 1
        version.before = near[at].number if at < len(near) else ""
        version.released_by = released.get(version.number, "")
        version.run = link((version.source or {}).get("run"))
    return found
