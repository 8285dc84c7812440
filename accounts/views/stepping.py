"""Asking once more who somebody is, before a form is taken."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from allauth.core.exceptions import ReauthenticationRequired
from django.http import HttpResponse

from accounts import stepup
from registry_site.errors import StepUpRequired

View = Callable[..., HttpResponse]


def require_recent(request) -> None:
    """Goes on for a session that showed a few minutes ago who it is; for what is taken along, with people in it.

    After the policy, so that a stranger hears what everybody hears. Raises StepUpRequired, which leads back here.
    """
    if not stepup.is_recent(request):
        raise StepUpRequired("show once more who you are")


def asks_again(view: View) -> View:
    """A page whose forms are taken from somebody who showed a few minutes ago who they are.

    What it says to strangers is its own business. Who showed nothing lately is asked, and the form that was sent goes
    through behind that; htmx, which sends a card and not a page, starts over.
    """

    @wraps(view)
    def asking(request, *args, **kwargs) -> HttpResponse:
        if request.method == "POST" and request.user.is_authenticated and not stepup.is_recent(request):
            if not request.htmx:
                raise ReauthenticationRequired
            require_recent(request)
        return view(request, *args, **kwargs)

    return asking
