"""Pages about oneself: profile, joining."""

from __future__ import annotations

from allauth.account.views import password_set
from django.contrib import messages
from django.contrib.auth import login as start_session
from django.contrib.auth import logout as end_session
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters

from accounts import departure, notices, passwords, people
from accounts import profile as profiles
from accounts.adapter import INVITATION_KEY
from accounts.forms import DeleteAccountForm, FirstAdminForm, NotificationsForm, ProfileForm
from accounts.views.stepping import asks_again
from registry_site.errors import Invalid, NotFound, Refusal, StepUpRequired

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


@login_required
def set_password(request) -> HttpResponse:
    """Settings / password, of somebody who has none: asks first who they are, so that an open session gives nothing."""
    if request.actor.is_signed_in and passwords.is_the_companys(request.actor.user):
        return render(request, "pages/company_password.html", {"section": "password"})
    request.actor.require_recent()
    return password_set(request)


@login_required
@asks_again
def delete(request) -> HttpResponse:
    """Settings / delete account: what would go, and going."""
    form = DeleteAccountForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            departure.delete(request.actor, form.cleaned_data["name"])
        except StepUpRequired:
            raise
        except Refusal as refusal:
            form.add_error("name", refusal.message)
        else:
            end_session(request)
            messages.success(request, "Your account was deleted. Nobody else gets its name.")
            return redirect("home")
    context = {"form": form, "section": "delete", "consequences": departure.consequences(request.actor.user)}
    return render(request, "pages/settings_delete.html", context)


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
