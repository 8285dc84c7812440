"""Settings / sessions: where one is signed in, and ending that."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts import sessions
from registry_site.htmx import answer, take_notice


@login_required
def page(request) -> HttpResponse:
    """Every browser in which one is signed in."""
    sessions.note(request)
    sessions.write()  # what waits to be written may be this one
    return render(request, "pages/settings_sessions.html", _context(request) | {"notice": take_notice(request)})


@require_POST
@login_required
def end(request, session: int) -> HttpResponse:
    """Sign one of them out."""
    sessions.end(request.actor, request.actor.user, session)
    return _done(request, "Signed out there.")


@require_POST
@login_required
def end_others(request) -> HttpResponse:
    """Sign out everywhere but here."""
    count = sessions.end_others(request.actor, request.actor.user, request.session.session_key)
    words = f"Signed out of {count} other session{'s' * (count != 1)}." if count else "There was no other."
    return _done(request, words)


def _done(request, words: str) -> HttpResponse:
    context = _context(request)
    return answer(request, "partials/session_list.html", context, page=reverse("sessions"), notice={"text": words})


def _context(request) -> dict:
    return {"sessions": sessions.of(request.actor.user, request.session.session_key), "section": "sessions"}
