"""The list of one's orgs, and a new one."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render

from accounts import limiting
from orgs import invitations, organizations
from orgs.forms import OrgForm
from registry_site.errors import Refusal


@login_required
def mine(request) -> HttpResponse:
    """The orgs one belongs to, and those that ask one to join."""
    context = {
        "memberships": organizations.of(request.actor.user),
        "invitations": invitations.waiting_for(request.actor),
    }
    return render(request, "pages/orgs.html", context)


@login_required
def create(request) -> HttpResponse:
    """A new org, with oneself as its owner."""
    form = OrgForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        limiting.spend("org", limiting.caller(request.actor), words="you tried many names of orgs in a short time")
        try:
            org = organizations.create(request.actor, form.cleaned_data["name"], form.cleaned_data["title"])
        except Refusal as refusal:
            form.add_error("name", refusal.message)
        else:
            messages.success(request, f"{org.name} is ready. Invite its members next.")
            return redirect("org-members", org.name)
    return render(request, "pages/org_new.html", {"form": form})
