"""Settings / tokens: what lives and what ended, a new one, another name, another secret, one less."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts import limiting, rotation, tokens
from accounts.forms import TokenForm
from accounts.models import Token
from accounts.views.stepping import asks_again
from registry_site.errors import Invalid, Refusal
from registry_site.htmx import answer, take_notice

A_PAGE = 50


@login_required
@asks_again
def page(request) -> HttpResponse:
    """Those that live, and a form for a new one, whose secret is shown once with what it can do."""
    form, made, secret = TokenForm(request.POST or None), None, ""
    if request.method == "POST" and form.is_valid() and request.POST.get("do") != "preview":
        limiting.spend("token", limiting.caller(request.actor), words="you made many tokens in a short time")
        try:
            given = asdict(form.cleaned_data["wanted"])
            made, secret = tokens.issue(request.actor, request.actor.user, kind=Token.Kind.GRANULAR, **given)
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            form = TokenForm()
    return _page(request, form=form, made=made, secret=secret, notice=take_notice(request))


@login_required
def summary(request) -> HttpResponse:
    """What the token that stands in the form would do, while it is being filled in."""
    form = TokenForm(request.GET.dict() | {"name": request.GET.get("name") or "without a name yet"})
    form.is_valid()
    return render(request, "partials/token_summary.html", {"form": form})


@require_POST
@login_required
@asks_again
def revoke(request, key) -> HttpResponse:
    """Revoke one of one's own tokens, at once; one that was used in the last day after asking once more."""
    user = request.actor.user
    if request.POST.get("confirmed") != "yes" and rotation.was_used_lately(user, str(key)):
        if request.htmx:
            return render(request, "partials/token_list.html", _listed(request, asking=str(key)))
        return redirect(reverse("tokens") + f"?revoke={key}#token-list")
    tokens.revoke(request.actor, user, str(key))
    notice = {"text": "Token revoked. Whatever used it gets 401 from now on."}
    return answer(request, "partials/token_list.html", _listed(request), page=reverse("tokens"), notice=notice)


@require_POST
@login_required
@asks_again
def rename(request, key) -> HttpResponse:
    """Call a token something else."""
    try:
        token = rotation.rename(request.actor, request.actor.user, str(key), request.POST.get("name", ""))
    except Invalid as refusal:
        context = _listed(request, refused=(str(key), refusal.message))
        if request.htmx:
            return render(request, "partials/token_list.html", context, status=422)
        return _page(request, status=422, **context)
    notice = {"text": f"The token is called {token.name} now."}
    return answer(request, "partials/token_list.html", _listed(request), page=reverse("tokens"), notice=notice)


@require_POST
@login_required
@asks_again
def rotate(request, key) -> HttpResponse:
    """A new secret now, and the old one for some hours more."""
    hours = request.POST.get("hours", "")
    made, secret = rotation.rotate(request.actor, request.actor.user, str(key), int(hours) if hours.isdecimal() else 0)
    return _page(request, made=made, secret=secret, replaces=hours)


def _page(request, *, status: int = 200, **context: Any) -> HttpResponse:
    context = {"form": TokenForm(), "section": "tokens"} | _listed(request) | context
    return render(request, "pages/settings_tokens.html", context, status=status)


def _listed(request, *, asking: str = "", refused: tuple[str, str] = ("", "")) -> dict[str, Any]:
    user, asked = request.actor.user, asking or request.GET.get("revoke", "")
    return {
        "tokens": _paged(request, tokens.live(user), asked or refused[0]),
        "ended": [(token, tokens.expiry(token)) for token in tokens.ended(user)],
        "asking": asked,
        "refused_key": refused[0],
        "refused": refused[1],
        "hours": rotation.HOURS,
    }


def _paged(request, live: list[Token], key: str) -> Page:
    # The one that is asked about is on the page, wherever it is in the list.
    place = next((at for at, token in enumerate(live) if str(token.key) == key), None)
    number = request.GET.get("page") if place is None else place // A_PAGE + 1
    page = Paginator(live, A_PAGE).get_page(number)
    page.object_list = [(token, tokens.expiry(token)) for token in page.object_list]
    return page
