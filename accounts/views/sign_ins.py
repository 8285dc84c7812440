"""Signing in with the configured provider, and the connection of an account with it."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from allauth.account.internal.flows.reauthentication import STATE_SESSION_KEY
from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST
from requests import RequestException

from accounts import passwords, provider, provider_sign_in
from accounts.views.stepping import asks_again
from registry_site.errors import NotFound, Refusal, Unavailable

logger = logging.getLogger(__name__)


@require_POST
def login(request) -> HttpResponse:
    """On to the provider, to sign in here with what one is there."""
    return _go(request)


@require_POST
@login_required
@asks_again
def connect(request) -> HttpResponse:
    """On to the provider, to connect what one is there with this account."""
    return _go(request, process="connect")


@login_required
def again(request) -> HttpResponse:
    """Showing once more who one is, at the provider."""
    _require_provider()
    back = get_next_redirect_url(request) or "/"
    came_from = urlsplit(request.headers.get("referer", ""))
    if STATE_SESSION_KEY in request.session and came_from.netloc == request.get_host():
        back = came_from.path  # a form that was sent is not kept over the way to the provider: back to its page
    return render(request, "pages/oidc_again.html", {"next": back})


def callback(request) -> HttpResponse:
    """Back from the provider."""
    _require_provider()
    try:
        return OAuth2CallbackView.adapter_view(provider.Talk(request, provider.ID))(request)
    except (LookupError, TypeError, ValueError):
        logger.exception("the sign-in provider answered with something else")
        return provider_sign_in.stopped(request, "failed")


@login_required
def page(request) -> HttpResponse:
    """Settings / sign-ins: what opens this account."""
    connected = list(SocialAccount.objects.filter(user=request.actor.user))
    shown = [(account, provider.claims_of(account.extra_data)) for account in connected]
    context = {"connected": shown, "provider_on": provider.is_on(), "section": "sign-ins"}
    context["in_directory"] = passwords.is_the_companys(request.actor.user)
    return render(request, "pages/settings_sign_ins.html", context)


@require_POST
@login_required
@asks_again
def disconnect(request, pk: int) -> HttpResponse:
    """Let the provider open this account no longer."""
    provider_sign_in.disconnect(request, request.actor, request.actor.user, pk)
    messages.success(request, f"The sign-in with {settings.OIDC_NAME} was disconnected.")
    return redirect("socialaccount_connections")


@sensitive_post_parameters("password")
@require_POST
@login_required
def connect_directory(request) -> HttpResponse:
    """Let the directory's name and password open this account."""
    _require_directory()
    from accounts.directory import signing_in  # ldap3 is large, and most registries have no directory

    request.actor.require_recent()  # the form is not kept over the way back: a password is in it
    given = [request.POST.get(name, "") for name in ("name", "password")]
    try:
        signing_in.connect(request, request.actor, request.actor.user, *given)
    except Refusal as refusal:
        messages.error(request, f"{refusal.message[:1].upper()}{refusal.message[1:]}.")
    else:
        messages.success(request, f"From now on you sign in with your name and password of {settings.LDAP_NAME}.")
    return redirect("socialaccount_connections")


def _require_directory() -> None:
    if not settings.LDAP_URL:
        raise NotFound("this registry has no sign-in with a directory")


def _go(request, *, process: str = "login") -> HttpResponse:
    # A page between the form and the provider: browsers hold a form to its own site, also where it is sent on to.
    _require_provider()
    place = provider.Talk(request, provider.ID).get_provider()
    proof = provider.ANEW if "again" in request.POST else {}
    try:
        response = place.redirect(request, process, get_next_redirect_url(request), auth_params=dict(proof))
    except (RequestException, LookupError, ValueError) as error:
        raise Unavailable(f"{settings.OIDC_NAME} does not answer; try again, or sign in with a password") from error
    return render(request, "pages/leaving.html", {"address": response["Location"], "provider": settings.OIDC_NAME})


def _require_provider() -> None:
    if not provider.is_on():
        raise NotFound("this registry has no sign-in with a provider")
