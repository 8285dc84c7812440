"""Settings / tokens: what lives, a new one, one less."""

from __future__ import annotations

from dataclasses import asdict

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts import tokens
from accounts.forms import TokenForm
from accounts.models import Token
from accounts.views.stepping import asks_again
from registry_site.errors import Refusal
from registry_site.htmx import answer, take_notice


@login_required
@asks_again
def page(request) -> HttpResponse:
    """Those that live, and a form for a new one, whose secret is shown once with what it can do."""
    form, made, secret = TokenForm(request.POST or None), None, ""
    if request.method == "POST" and form.is_valid():
        try:
            given = asdict(form.cleaned_data["wanted"])
            made, secret = tokens.issue(request.actor, request.actor.user, kind=Token.Kind.GRANULAR, **given)
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            form = TokenForm()
    context = {"form": form, "made": made, "secret": secret, "section": "tokens", "notice": take_notice(request)}
    return render(request, "pages/settings_tokens.html", context | _live(request))


@login_required
def summary(request) -> HttpResponse:
    """What the token that stands in the form would do, while it is being filled in."""
    form = TokenForm(request.GET.dict() | {"name": "without a name yet"} if request.GET else None)
    form.is_valid()
    return render(request, "partials/token_summary.html", {"form": form})


@require_POST
@login_required
@asks_again
def revoke(request, key) -> HttpResponse:
    """Revoke one of one's own tokens, at once."""
    tokens.revoke(request.actor, request.actor.user, str(key))
    notice = {"text": "Token revoked. Whatever used it gets 401 from now on."}
    return answer(request, "partials/token_list.html", _live(request), page=reverse("tokens"), notice=notice)


def _live(request) -> dict:
    found = tokens.live(request.actor.user)
    return {"tokens": [(token, tokens.expiry(token)) for token in found]}
