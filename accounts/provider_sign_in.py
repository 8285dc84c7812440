"""Signing in with the configured provider: whose account it is, a new one, and the groups that people are in there.

An identity of the provider opens the account it was connected to, and no other. An address that both sides know
connects nothing by itself: who has an account signs in to it and connects the two under Settings.
"""

from __future__ import annotations

import logging
from typing import Any

from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.utils import user_email
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialApp
from allauth.socialaccount.providers.base.constants import AuthError
from django.conf import settings
from django.db import transaction
from django.dispatch import Signal
from django.http import HttpResponse
from django.shortcuts import render

from accounts import absence, addresses, audit, names, notices, passwords, people, provider, standstill
from accounts.actor import Actor, address_of
from accounts.models import User
from registry_site.errors import Conflict, Invalid, NotFound

logger = logging.getLogger(__name__)

# Sent with `actor`, `user`, `groups` (a set of names), `teams` and `roles` (those of each group, as the settings say)
# whenever somebody signs in with the provider or the directory, and when the directory was asked about them.
groups_known = Signal()
MAX_GROUPS = 2000


class SocialAdapter(DefaultSocialAccountAdapter):
    """What django-allauth asks about sign-ins with a provider."""

    def list_apps(self, request, provider=None, client_id=None) -> list:
        """The one of the settings, and none of the database."""
        if not settings.OIDC_URL:
            return []
        told = {"server_url": settings.OIDC_URL, "oauth_pkce_enabled": True}
        return [
            SocialApp(
                provider="openid_connect",
                provider_id="oidc",
                name=settings.OIDC_NAME,
                client_id=settings.OIDC_CLIENT_ID,
                secret=settings.OIDC_CLIENT_SECRET,
                settings=told,
            )
        ]

    def get_requests_session(self):
        return provider.session()

    def is_open_for_signup(self, request, sociallogin) -> bool:
        return settings.REGISTRATION != "closed" and not standstill.is_on()

    def can_authenticate_by_email(self, login, email: str) -> bool:
        return False

    def is_auto_signup_allowed(self, request, sociallogin) -> bool:
        wanted = sociallogin.user.username
        if not wanted or wanted != suggested(wanted):
            return False
        _free_addresses(request, sociallogin)  # before django-allauth compares them; the account is made at once
        return True

    def on_authentication_error(self, request, provider, error=None, exception=None, extra_context=None) -> None:
        if exception is not None:
            logger.warning("a sign-in with the provider failed: %s", exception)
        raise ImmediateHttpResponse(stopped(request, "cancelled" if error == AuthError.CANCELLED else "failed"))

    def pre_social_login(self, request, sociallogin) -> None:
        data = sociallogin.account.extra_data
        told = (data.get("userinfo") or {}).get("sub")
        if told is not None and told != data["id_token"]["sub"]:
            raise ImmediateHttpResponse(stopped(request, "mixed"))
        _require_group(request, sociallogin)
        if sociallogin.is_existing:
            absence.end(sociallogin.user, absence.Source.PROVIDER)
        if sociallogin.is_existing or sociallogin.state.get("process") == "connect":
            return
        known = verified(sociallogin)
        if any(addresses.holder(email) for email in known):
            raise ImmediateHttpResponse(stopped(request, "known", email=known[0]))

    def populate_user(self, request, sociallogin, data: dict[str, Any]) -> User:
        user = super().populate_user(request, sociallogin, data)
        user.username = cleaned(data.get("username") or "")
        user.full_name = _line(data.get("name"))
        return user

    def get_signup_form_initial_data(self, sociallogin) -> dict[str, str]:
        return {"username": suggested(sociallogin.user.username), "email": user_email(sociallogin.user) or ""}

    def save_user(self, request, sociallogin, form=None) -> User:
        user = sociallogin.user
        user.set_unusable_password()
        if form is not None:
            user.username, user.email = form.cleaned_data["username"], form.cleaned_data.get("email") or user.email
        with people.taking(user.username):
            _free_addresses(request, sociallogin)
            sociallogin.save(request)
            audit.record(_actor(request, user), "user.created", person=user.username, via=settings.OIDC_NAME)
        return user

    def validate_disconnect(self, account, accounts) -> None:
        """django-allauth asked already whether the person could still sign in."""


def cleaned(text: str) -> str:
    """A provider's name for somebody, as a name here: without the domain, in lower case; "" when nothing is left."""
    base = str(text).partition("@")[0].lower()
    kept = "".join(each if each.isascii() and (each.isalnum() or each in "._-") else "-" for each in base)
    return kept.strip("._-")[: names.MAX_LENGTH]


def suggested(name: str) -> str:
    """The name itself where it is free, else the first one like it that is; "" where there is nothing to begin with."""
    if not name:
        return ""
    for number in range(1, 100):
        tried = name if number == 1 else f"{name[: names.MAX_LENGTH - 4]}-{number}"
        try:
            if names.clean(tried) == tried and people.is_free(tried):
                return tried
        except Invalid:
            continue
    return ""


def verified(sociallogin) -> list[str]:
    """The addresses of which the provider says that they are this person's."""
    return [each.email for each in sociallogin.email_addresses if each.verified]


def take_groups(sender, request, user: User, sociallogin=None, **more) -> None:
    """Somebody signed in with the provider: when they showed it who they are, and in which groups they are there.

    Source: django-allauth's signal, after the last step of signing in.
    """
    if sociallogin is None or not provider.is_on():
        return
    data = sociallogin.account.extra_data
    _shown_when(request, (data.get("id_token") or {}).get("auth_time"))
    places = {"teams": settings.OIDC_GROUP_TEAMS, "roles": settings.OIDC_GROUP_ROLES}
    groups = _groups(data)
    if groups is not None and not standstill.is_on():
        groups_known.send(User, actor=_actor(request, user), user=user, groups=groups, **places)


def connected(sender, request, sociallogin, **more) -> None:
    """Write down that a person connected the provider. Source: django-allauth's signal."""
    with transaction.atomic():
        audit.record(request.actor, "sign_in.connected", person=sociallogin.user.username, provider=settings.OIDC_NAME)


def disconnect(request, actor: Actor, user: User, pk: int) -> None:
    """Let an identity of the provider open this account no longer; its person is told.

    Raises NotFound for one that is not this person's, Conflict where they could not sign in any more.
    """
    account = SocialAccount.objects.filter(user=user, pk=pk).first()
    if account is None:
        raise NotFound("there is no such sign-in")
    if not passwords.has_one(user) and SocialAccount.objects.filter(user=user).count() == 1:
        raise Conflict("set a password first; without one you could not sign in any more")
    with transaction.atomic():
        account.delete()
        audit.record(actor, "sign_in.disconnected", person=user.username, provider=settings.OIDC_NAME)
        notices.warn(request, user, f"The sign-in with {settings.OIDC_NAME} was disconnected from your account")


def stopped(request, why: str, **more) -> HttpResponse:
    """The page that says why nobody was signed in, and what to do. why: mixed, known, group, cancelled or failed."""
    return render(
        request, "pages/sign_in_stopped.html", {"why": why, "provider": settings.OIDC_NAME, **more}, status=409
    )


def _free_addresses(request, sociallogin) -> None:
    for email in verified(sociallogin):
        addresses.free(Actor(address=address_of(request), request_id=request.request_id), email)


def _groups(data: dict[str, Any]) -> set[str] | None:
    """The groups that the provider told of; None where it only says that they are too many to tell."""
    claims = provider.claims_of(data)
    told, elsewhere = claims.get(settings.OIDC_GROUPS_CLAIM), claims.get("_claim_names")
    is_elsewhere = isinstance(elsewhere, dict) and settings.OIDC_GROUPS_CLAIM in elsewhere
    listed = [told] if isinstance(told, str) else told if isinstance(told, list) else []
    if len(listed) > MAX_GROUPS or (not listed and (is_elsewhere or claims.get("hasgroups"))):
        logger.warning("the provider has more groups of a person than it tells; let it tell those that are used here")
        return None
    return {each for each in listed if isinstance(each, str)}


def _require_group(request, sociallogin) -> None:
    group = settings.OIDC_REQUIRED_GROUP
    if not group:
        return
    groups = _groups(sociallogin.account.extra_data)
    if groups is not None and group in groups:
        return
    if sociallogin.is_existing and groups is not None:
        absence.begin(sociallogin.user, absence.Source.PROVIDER, f"not in the group {group} of {settings.OIDC_NAME}")
    raise ImmediateHttpResponse(stopped(request, "group", group=group))


def _shown_when(request, moment: object) -> None:
    # A provider that remembers people lets them through unasked; what they showed is as old as it says.
    ways = request.session.get(AUTHENTICATION_METHODS_SESSION_KEY) or []
    if isinstance(moment, int) and not isinstance(moment, bool):
        for way in ways:
            if way["method"] == "socialaccount":
                way["at"] = min(way["at"], moment)
        request.session[AUTHENTICATION_METHODS_SESSION_KEY] = ways


def _actor(request, user: User) -> Actor:
    return Actor(user, credential="session", address=address_of(request), request_id=request.request_id)


def _line(text: object) -> str:
    return "".join(each for each in str(text or "") if each.isprintable())[:120]
