"""The tokens of an org's service accounts: what lives, a new one, one less."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts import limiting
from accounts import tokens as token_verbs
from accounts.views.stepping import asks_again
from orgs import access, service_accounts
from orgs.access import Action
from orgs.forms import ServiceTokenForm
from orgs.models import Org
from orgs.views.head import head
from registry_site.errors import Refusal
from registry_site.htmx import answer, take_notice


@asks_again
def tokens(request, org: str) -> HttpResponse:
    """Those that live, and a form for a new one, whose secret is shown once with what it can do."""
    found = access.find(request.actor, Action.TEAMS, org)
    form, made, secret = ServiceTokenForm(request.POST or None), None, ""
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        limiting.spend("token", limiting.caller(request.actor), words="you made many tokens in a short time")
        try:
            made, secret = service_accounts.create(request.actor, org, given["name"], given["wanted"])
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            form = ServiceTokenForm()
    context = {"form": form, "made": made, "secret": secret, "notice": take_notice(request)}
    return render(request, "pages/org_tokens.html", _context(request, found) | context)


@require_POST
@asks_again
def revoke(request, org: str, key) -> HttpResponse:
    """Revoke a token of the org, at once."""
    gone = service_accounts.revoke(request.actor, org, key)
    found = access.find(request.actor, Action.TEAMS, org)
    notice = {"text": f"A token of {gone.publisher} was revoked. Whatever used it gets 401 from now on."}
    page = reverse("org-tokens", args=[org])
    return answer(request, "partials/org_token_list.html", _context(request, found), page=page, notice=notice)


def _context(request, org: Org) -> dict[str, Any]:
    return head(request, org) | {"tab": "tokens", "tokens": token_verbs.of_org(org.scope)}
