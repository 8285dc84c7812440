"""The front page, and the page of a person."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from accounts import people
from accounts.actor import Actor
from accounts.endpoint import registry
from orgs import organizations
from orgs.models import Membership
from packages import access, changes, downloads, lately, reach
from packages import search as searching
from packages import stars as star_verbs
from packages.links import link
from packages.models import Package
from packages.policy import Standing
from packages.views import waiting
from packages.views.paging import page_of

SHOWN = 10
EVENTS_SHOWN = 12
ORGS_SHOWN = 12
RECENT_SHOWN = 6
STARS_SHOWN = 20
A_PAGE = 20
SORTS = {"name": "Name", "recent": "Recent", "downloads": "Downloads"}


def front(request) -> HttpResponse:
    """What this registry is, or what is mine and what waits for me."""
    actor = request.actor
    address = registry(request) + "/"
    if not actor.is_signed_in:
        recent = downloads.with_weekly(searching.search(actor, "not:mirrored", sort="recent", most=RECENT_SHOWN))
        return render(request, "pages/welcome.html", {"address": address, "recent": recent})
    theirs = access.seen_by(actor).filter(lately.within(reach.within_reach(actor.user.pk, Standing.MEMBER)))
    near = lately.changed(theirs)
    mine = _mine(actor, near)
    memberships = list(organizations.of(actor.user))
    return render(
        request,
        "pages/home.html",
        {
            "address": address,
            "packages": downloads.with_weekly(mine[:SHOWN]),
            "more": len(mine) > SHOWN,
            **_beside(memberships),
            "tasks": waiting.tasks(actor, memberships),
            "events": changes.heard_by(actor, lately.events_of(near))[:EVENTS_SHOWN],
        },
    )


def _mine(actor: Actor, near: dict[int, str]) -> list[Package]:
    # One's own are among those near, and nearly always among those that changed last.
    own = searching.sorted_by(searching.of_person(actor, actor.user), "recent")
    found = list(own.filter(pk__in=list(near))[: SHOWN + 1])
    return found if len(found) > SHOWN or len(near) < lately.PACKAGES else list(own[: SHOWN + 1])


def _beside(memberships: list[Membership]) -> dict[str, Any]:
    return {"memberships": memberships[:ORGS_SHOWN], "orgs_left": max(len(memberships) - ORGS_SHOWN, 0)}


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
            **_beside(list(organizations.of(found) if own else organizations.shared(request.actor, found))),
            "address": registry(request) + "/",
        },
    )
