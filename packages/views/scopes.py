"""The pages on which an org gets another name, or goes."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from accounts import limiting, tokens
from accounts.views.stepping import asks_again
from orgs import access, invitations
from orgs.access import Action
from orgs.views.head import head
from packages import scopes
from registry_site.errors import Refusal

SHOWN = 20


@asks_again
def rename(request, org: str) -> HttpResponse:
    """Another name, while the org has no packages; else why it keeps the one it has."""
    found = access.find(request.actor, Action.MEMBERS, org)
    new_name, error = request.POST.get("new_name", "").strip(), ""
    if request.method == "POST":
        limiting.spend("org", limiting.caller(request.actor), words="you tried many names of orgs in a short time")
        try:
            now = scopes.rename(request.actor, org, new_name)
        except Refusal as refusal:
            error = refusal.message
        else:
            messages.success(request, f"{org} is called {now.name} now; its old addresses lead here.")
            return redirect("org-settings", now.name)
    context = {
        "tab": "settings",
        "holdings": scopes.holdings(found.scope),
        "former": found.former_names.select_related("scope"),
        "new_name": new_name,
        "error": error,
    }
    return render(request, "pages/org_rename.html", head(request, found) | context)


@asks_again
def delete(request, org: str) -> HttpResponse:
    """Delete an org: what goes with it, then its name typed; refused while it holds packages."""
    found = access.find(request.actor, Action.MEMBERS, org)
    error = ""
    if request.method == "POST":
        if request.POST.get("confirm", "").strip() != found.name:
            error = f"Type {found.name} to confirm."
        else:
            try:
                scopes.delete(request.actor, org)
            except Refusal as refusal:
                error = refusal.message
            else:
                messages.success(request, f"{org} is gone. Its name stays reserved.")
                return redirect("orgs")
    holdings = scopes.holdings(found.scope)
    context = {
        "tab": "settings",
        "holdings": holdings,
        "blocking": (holdings.live + [name for name in holdings.staged if name not in holdings.live])[:SHOWN],
        "members": found.memberships.select_related("user")[:SHOWN],
        "tokens": tokens.of_org(found.scope),
        "invitations": invitations.listed(found).count(),
        "error": error,
    }
    return render(request, "pages/org_delete.html", head(request, found) | context)
