"""The front page, and the page of a person."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from accounts import people
from accounts.endpoint import registry
from accounts.models import AuditEvent
from orgs import organizations
from packages import access, changes, downloads
from packages import search as searching
from packages import stars as star_verbs
from packages.access import Standing
from packages.links import link
from packages.views import waiting
from packages.views.paging import page_of

SHOWN = 10
EVENTS_SHOWN = 12
RECENT_SHOWN = 6
STARS_SHOWN = 20
A_PAGE = 20
SORTS = {"name": "Name", "recent": "Recent", "downloads": "Downloads"}


def front(request) -> HttpResponse:
    """What this registry is, or what is mine and what waits for me."""
    actor = request.actor
    address = registry(request) + "/"
    if not actor.is_signed_in:
        recent = downloads.with_weekly(searching.search(actor, "not:mirrored", sort="recent")[:RECENT_SHOWN])
        return render(request, "pages/welcome.html", {"address": address, "recent": recent})
    mine = list(searching.sorted_by(searching.of_person(actor, actor.user), "recent")[: SHOWN + 1])
    theirs = access.visible_to(actor).filter(standing__gte=Standing.MEMBER).order_by().values("name")
    memberships = list(organizations.of(actor.user))
    return render(
        request,
        "pages/home.html",
        {
            "address": address,
            "packages": downloads.with_weekly(mine[:SHOWN]),
            "more": len(mine) > SHOWN,
            "memberships": memberships,
            "tasks": waiting.tasks(actor, memberships),
            "events": changes.heard_by(actor, AuditEvent.objects.filter(package__in=theirs))[:EVENTS_SHOWN],
        },
    )


def person(request, user: str) -> HttpResponse:
    """A person's packages, orgs and stars, as far as the viewer may see them."""
    found = people.find(user)
    own = request.actor.user == found
    sort = request.GET.get("sort", "")
    sort = sort if sort in SORTS else "name"
    page = page_of(request, searching.sorted_by(searching.of_person(request.actor, found), sort), A_PAGE)
    page.object_list = downloads.with_weekly(page.object_list)
    return render(
        request,
        "pages/person.html",
        {
            "person": found,
            "own": own,
            "homepage": link(found.homepage),
            "page": page,
            "sort": sort,
            "sorts": SORTS.items(),
            "rest": f"sort={sort}",
            "starred": star_verbs.of_person(request.actor, found)[:STARS_SHOWN],
            "memberships": organizations.of(found) if own else organizations.shared(request.actor, found),
            "address": registry(request) + "/",
        },
    )
