"""What was decided about a request that was refused, by the reference in its answer."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render

from packages import decisions


@login_required
def reference(request, reference: str) -> HttpResponse:
    """A refused request, for its caller and for whoever manages the package that it was about."""
    return render(request, "pages/error_reference.html", {"decision": decisions.find(request.actor, reference)})
