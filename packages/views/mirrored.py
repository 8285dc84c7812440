"""Brings tarballs of mirrored versions here, for whoever wants to look inside."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from packages import mirrored


@require_POST
def fetch(request, name: str) -> HttpResponse:
    """Fetch one version and show its code, or two and compare them."""
    numbers = request.POST.getlist("version")
    mirrored.fetch(request.actor, name, numbers)
    old, _, new = request.POST.get("back", "").partition("...")
    if old and new:
        return redirect("package-compare", name, old, new)
    if len(numbers) == 1:
        return redirect("package-version-code", name, numbers[0])
    return redirect("package-versions", name)
