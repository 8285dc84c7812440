"""Search: results with the choices beside them, and names while one types."""

from __future__ import annotations

from dataclasses import fields

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode

from accounts import limiting
from packages import discovery, downloads, facets, suggestions
from packages import search as searching
from packages.queries import CHOICES, MAX_TEXT, Filters, Query
from packages.upstream import finding as upstream_search
from packages.upstream import registries
from packages.upstream.client import UpstreamError
from packages.views.paging import page_of
from registry_site.errors import NotFound

A_PAGE = 20
BEYOND_SHOWN = 20


def search(request) -> HttpResponse:
    """Search results, of what the viewer may see; for htmx, the results alone."""
    limiting.spend_often("search", request.actor, words="you search very often")
    text, filters = _text(request), _filters(request)
    sort = request.GET.get("sort", "")
    sort = sort if sort in searching.SORTS else "relevance"
    found = searching.search(request.actor, text, filters=filters, sort=sort)
    counted = facets.of(request.actor, text, filters, found)
    page = page_of(request, found, A_PAGE)
    page.object_list = downloads.with_weekly(page.object_list)
    context = {
        "q": text,
        "words": Query.parse(text).words,
        "page": page,
        "sort": sort,
        "sorts": searching.SORTS.items(),
        "facets": counted,
        "chosen": _chosen(counted),
        "query": _rest(request),
        "offers_upstream": page.number == 1 and _is_about_all(filters) and upstream_search.is_offered(text),
        "nearest": [] if page.object_list else suggestions.nearest(request.actor, text),
    }
    return render(request, "partials/search_results.html" if _wants_part(request) else "pages/search.html", context)


def upstream(request) -> HttpResponse:
    """What the upstream registry finds beside what is here; a part of the results, or a page where no script runs.

    That a text stays here is not told: it looks as if upstream found nothing.
    """
    limiting.spend_often("search", request.actor, words="you search very often")
    text = _text(request)
    registry = registries.default()
    if registry is None or not upstream_search.is_offered(text):
        raise NotFound("the upstream registry is not searched for this")
    try:
        found, failed = discovery.beyond(request.actor, text), False
    except UpstreamError:
        found, failed = [], True
    context = {"q": text, "words": Query.parse(text).words, "found": found[:BEYOND_SHOWN], "failed": failed}
    context["upstream"] = registry.host
    template = "partials/upstream_results.html" if request.htmx else "pages/search_upstream.html"
    return render(request, template, context)


def suggest(request) -> HttpResponse:
    """The names that a text stands for so far, for the list below the search box; a browser gets the results."""
    text = _text(request)
    if not request.htmx:
        return redirect(reverse("search") + "?" + urlencode({"q": text}))
    limiting.spend_often("suggestion", request.actor, words="you search very often")
    found = suggestions.while_typing(request.actor, text)
    return render(request, "partials/search_suggestions.html", {"found": found, "words": Query.parse(text).words})


def _text(request) -> str:
    return request.GET.get("q", "").replace("\0", "").strip()[:MAX_TEXT]


def _filters(request) -> Filters:
    given = {each.name: request.GET.get(each.name, "").replace("\0", "")[:MAX_TEXT] for each in fields(Filters)}
    return Filters(**given | {name: "" for name, words in CHOICES.items() if given[name] not in words})


def _chosen(counted: facets.Facets) -> list[tuple[str, str, str]]:
    levels = facets.Facet("access", "Visibility", [each for each in counted.levels if each.value])
    shown = [levels, *counted.more]
    return [(facet.name, facet.label, each.label) for facet in shown for each in facet.choices if each.chosen]


def _rest(request) -> str:
    query = request.GET.copy()
    query.pop("page", None)
    return query.urlencode()


def _is_about_all(filters: Filters) -> bool:
    return filters in (Filters(), Filters(access="mirrored"))


def _wants_part(request) -> bool:
    return bool(request.htmx) and request.htmx.target == "search-results"
