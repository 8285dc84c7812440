"""Pages of an org or a team that has another name now: whoever opens the old address is led to the new one."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.http import HttpResponse, HttpResponsePermanentRedirect
from django.urls import reverse

from orgs.access import Moved

View = Callable[..., HttpResponse]


def follows(view: View) -> View:
    """A page that leads on from a former name, for good; a form that is sent to a former name is refused.

    What the page does not show to somebody, it does not say the new name of, either: the view decides first.
    """

    @wraps(view)
    def following(request, **words) -> HttpResponse:
        try:
            return view(request, **words)
        except Moved as moved:
            if request.method not in ("GET", "HEAD"):
                raise
            address = reverse(request.resolver_match.view_name, kwargs=words | moved.now)
            query = request.META.get("QUERY_STRING", "")
            return HttpResponsePermanentRedirect(f"{address}?{query}" if query else address)

    return following
