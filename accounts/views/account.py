"""Pages about oneself: profile, joining, connecting a client."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import login as start_session
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters

from accounts import notices, people
from accounts import profile as profiles
from accounts.adapter import INVITATION_KEY
from accounts.endpoint import registry
from accounts.forms import FirstAdminForm, NotificationsForm, ProfileForm
from registry_site.errors import Invalid, NotFound, Refusal

# yarn sends no token for names without a scope unless told to, and refuses what is younger than a day.
YARN = ("npmAlwaysAuth true", "npmMinimalAgeGate 0")
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@login_required
def profile(request) -> HttpResponse:
    """Settings / profile."""
    user = request.actor.user
    form = ProfileForm(request.POST or None, initial=profiles.shown(user))
    if request.method == "POST" and form.is_valid():
        try:
            profiles.change(request.actor, user, profiles.by_word(form.cleaned_data))
        except Invalid as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, "Profile saved.")
            return redirect("profile")
    return render(request, "pages/settings_profile.html", {"form": form, "section": "profile"})


@login_required
def notifications(request) -> HttpResponse:
    """Settings / notifications: what one is told by mail."""
    user = request.actor.user
    form = NotificationsForm(
        request.POST or None, initial={"wanted": sorted(set(notices.Kind.values) - set(user.muted))}
    )
    if request.method == "POST" and form.is_valid():
        notices.choose(user, form.cleaned_data["wanted"])
        messages.success(request, "Saved.")
        return redirect("notifications")
    return render(request, "pages/settings_notifications.html", {"form": form, "section": "notifications"})


def invitation(request, secret: str) -> HttpResponse:
    """The link of an invitation: on to the sign-up form."""
    if people.open_invitation(secret) is None:
        raise NotFound("this invitation was used already, or it never was one")
    request.session[INVITATION_KEY] = secret
    return redirect("account_signup")


@sensitive_post_parameters("password")
def first_admin(request, key: str) -> HttpResponse:
    """The one-time page from the server's log that makes the first admin."""
    people.require_first_admin_key(key)
    form = FirstAdminForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            user = people.create_first_admin(key, given["username"], given["email"], given["password"])
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            start_session(request, user, backend=BACKEND)
            messages.success(request, f"Welcome, {user}. You are the admin of this registry.")
            return redirect("home")
    return render(request, "pages/first_admin.html", {"form": form})


def connect(request) -> HttpResponse:
    """The commands that point a client here."""
    address = registry(request) + "/"
    return render(
        request,
        "pages/connect.html",
        {
            "address": address,
            "scope": request.actor.name or "your-name",
            "npmrc": f"registry={address}\n{address.partition(':')[2]}:_authToken=${{NPM_TOKEN}}",
            "yarn": "\n".join(f"yarn config set {line}" for line in (f"npmRegistryServer {address}", *YARN)),
        },
    )
