"""The page that turns a user into an org."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render

from accounts import limiting
from accounts.views.stepping import asks_again
from packages import conversion
from packages.models import Package, PersonGrant
from registry_site.errors import Refusal


@login_required
@asks_again
def become_org(request) -> HttpResponse:
    """Say what changes, ask for the person's new name, and for the old one as confirmation."""
    name, new_name, error = request.actor.name, request.POST.get("new_name", "").strip(), ""
    if request.method == "POST":
        if request.POST.get("confirm", "").strip() != name:
            error = f"Type {name} to confirm."
        else:
            limiting.spend("org", limiting.caller(request.actor), words="you tried many names of orgs in a short time")
            try:
                org = conversion.become_org(request.actor, new_name)
            except Refusal as refusal:
                error = refusal.message
            else:
                messages.success(request, f"{org.name} is an organization now. You are {new_name}, and its owner.")
                return redirect("org", org.name)
    own = Package.objects.filter(scope__user=request.actor.user)
    context = {
        "section": "become-org",
        "name": name,
        "new_name": new_name,
        "error": error,
        "package_count": own.count(),
        "people": PersonGrant.objects.filter(package__in=own).values("user").distinct().count(),
    }
    return render(request, "pages/become_org.html", context)
