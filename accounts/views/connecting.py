"""Connect: how a client is pointed here, and whether its first request arrived."""

from __future__ import annotations

import math
import time
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode

from accounts import recipes, sightings
from accounts.agents import in_words
from accounts.endpoint import registry
from accounts.recipes import CLIENTS, PLACES, Wish


def connect(request) -> HttpResponse:
    """The exact commands for a client, a place and a scope; for htmx, their card alone."""
    wish = Wish.parse(*(request.GET.get(name, "") for name in ("client", "place", "scope")))
    if request.GET.get("from", "") == "all":
        wish = Wish(wish.client, wish.place)
    address = registry(request) + "/"
    sightings.wait(request.actor)
    context = {
        "address": address,
        "wish": wish,
        "clients": CLIENTS.items(),
        "places": PLACES.items(),
        "suggested": wish.scope or request.actor.name or "your-scope",
        "steps": recipes.steps(wish, address),
    } | _arrival(request)
    part = request.htmx and request.htmx.target == "connect"
    return render(request, "partials/connect.html" if part else "pages/connect.html", context)


def arrival(request) -> HttpResponse:
    """Whether a request arrived since the page was opened: 204 as long as none did."""
    if not request.htmx:
        return redirect(reverse("connect") + "?" + urlencode({"since": request.GET.get("since", "")}))
    context = _arrival(request)
    if context["sighting"] is None and context["waits"]:
        sightings.wait(request.actor)
        return HttpResponse(status=204)
    return render(request, "partials/connect_arrival.html", context)


def _arrival(request) -> dict[str, Any]:
    since = _since(request)
    found = sightings.latest(request.actor, since)
    return {
        "since": f"{since:.3f}",
        "waits": time.time() - since < sightings.WAIT_SECONDS,
        "sighting": found,
        "agent": in_words(found.agent) if found else "",
        "rest": urlencode([(name, value) for name, value in request.GET.items() if name != "since"]),
    }


def _since(request) -> float:
    now = time.time()
    try:
        since = float(request.GET.get("since", ""))
    except ValueError:
        return now
    return min(max(since, now - 2 * sightings.WAIT_SECONDS), now) if math.isfinite(since) else now
