"""What publishing a package asks for: a card of its settings page."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from packages import access, sharing
from packages.access import Action


@require_POST
def asks(request, name: str) -> HttpResponse:
    """Ask publishers for two-factor, or no longer; whoever does shows a second factor."""
    access.find(request.actor, Action.MANAGE, name)
    request.actor.require_second_factor()
    sharing.set_two_factor(request.actor, name, request.POST.get("asks", ""))
    messages.success(request, "Saved. It counts from the next publish on.")
    return redirect("package-settings", name)
