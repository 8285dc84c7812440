"""How a page answers a change: the one card that changed for htmx, the whole page again for everyone else."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render

_NOTICE = "notice"


def answer(
    request, template: str, context: dict[str, Any], *, page: str, notice: dict[str, Any] | None = None
) -> HttpResponse:
    """Answer a change that succeeded.

    template, context: the card that changed. page: the address of the page that holds it.
    notice: `{"text", "tone"?, "undo"?}`, shown once; `undo` is `{"url", "fields"}` of the form that takes it back.
    """
    if request.htmx:
        return render(request, template, context | {"notice": notice})
    if notice:
        request.session[_NOTICE] = notice
    return redirect(page)


def take_notice(request) -> dict[str, Any] | None:
    """The notice of the change that led to this page, once."""
    return request.session.pop(_NOTICE, None) if _NOTICE in request.session else None
