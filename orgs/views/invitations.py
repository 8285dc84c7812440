"""The page of whoever is asked to join an org."""

from __future__ import annotations

from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from accounts.adapter import INVITATION_KEY
from orgs import invitations
from registry_site.errors import Conflict, NotFound


def invitation(request, org: str, secret: str = "") -> HttpResponse:
    """What one is asked, and Accept and Decline; who has no account yet is led to sign up, and comes back here."""
    actor = request.actor
    if request.method == "POST":
        return _decide(request, org, secret)
    if not actor.is_signed_in and secret:
        found = invitations.by_secret(org, secret)
        if found.email:
            request.session[INVITATION_KEY] = secret  # with it one may sign up where registration is by invitation
        query = urlencode({"next": request.path})
        may_sign_up = bool(found.email) and settings.REGISTRATION != "closed"
        context = {"invitation": found, "org": found.org, "query": query, "may_sign_up": may_sign_up}
        return render(request, "pages/org_invitation.html", context)
    found = invitations.find(actor, org, secret)
    return render(request, "pages/org_invitation.html", {"invitation": found, "org": found.org})


invitation.open_to_all = True  # type: ignore[attr-defined]  # the secret of the link says who may look


def _decide(request, org: str, secret: str) -> HttpResponse:
    if request.POST.get("answer") == "accept":
        try:
            membership = invitations.accept(request.actor, org, secret)
        except Conflict as refusal:
            messages.info(request, refusal.message)
            return redirect("org", org)
        messages.success(request, f"You are a member of {membership.org.name}.")
        return redirect("org", membership.org.name)
    if request.POST.get("answer") != "decline":
        raise NotFound("an invitation is accepted or declined")
    declined = invitations.decline(request.actor, org, secret)
    messages.success(request, f"You declined the invitation to {declined.name}.")
    return redirect(reverse("home"))
