"""Settings / two-factor: django-allauth's pages, whose changes go through our verbs."""

from __future__ import annotations

from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView
from allauth.mfa.totp.internal.auth import clear_totp_secret
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.views import AddWebAuthnView, RemoveWebAuthnView
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from accounts import sessions
from accounts.twofactor import enrolment
from accounts.views.stepping import asks_again


class AddApp(ActivateTOTPView):
    """Show the secret, take the first code of it."""

    def form_valid(self, form) -> HttpResponse:
        user, code = self.request.user, form.cleaned_data["code"]
        enrolment.add_app(self.request, self.request.actor, user, form.secret, code)
        clear_totp_secret(self.request)
        _shown(self.request)
        messages.success(self.request, "The app is set up. Keep these codes for the day you lose it.")
        return redirect("mfa_view_recovery_codes")


class RemoveApp(DeactivateTOTPView):
    """Take the app away."""

    def form_valid(self, form) -> HttpResponse:
        enrolment.remove(self.request, self.request.actor, self.request.user, self.authenticator)
        return _removed(self.request, "The app was removed.")


class AddPasskey(AddWebAuthnView):
    """Let the browser make a passkey; needs JavaScript."""

    def form_valid(self, form) -> HttpResponse:
        name, credential = form.cleaned_data["name"], form.cleaned_data["credential"]
        first = not self.request.user.has_two_factor
        enrolment.add_passkey(self.request, self.request.actor, self.request.user, name, credential)
        _shown(self.request)
        keep = " Keep these codes for the day you lose it." if first else ""
        messages.success(self.request, f"The passkey {name} is set up.{keep}")
        return redirect("mfa_view_recovery_codes" if first else "mfa_index")


class RemovePasskey(RemoveWebAuthnView):
    """Take a passkey away."""

    def form_valid(self, form) -> HttpResponse:
        authenticator = self.get_object()
        enrolment.remove(self.request, self.request.actor, self.request.user, authenticator)
        return _removed(self.request, f"The passkey {authenticator} was removed.")


class NewRecoveryCodes(GenerateRecoveryCodesView):
    """Make new recovery codes."""

    def form_valid(self, form) -> HttpResponse:
        enrolment.renew_recovery_codes(self.request, self.request.actor, self.request.user)
        return redirect("mfa_view_recovery_codes")


@require_POST
@login_required
@asks_again
def mode(request) -> HttpResponse:
    """When a code is asked for."""
    enrolment.set_mode(request.actor, request.actor.user, request.POST.get("mode", ""))
    messages.success(request, "Saved.")
    return redirect("mfa_index")


def _shown(request) -> None:
    # Who set up a second factor has it in their hands, and is not asked for it again on the next page.
    record_authentication(request, request.user, "mfa", reauthenticated=True)
    _sign_others_out(request)


def _sign_others_out(request) -> None:
    # They showed who they are before this was asked, or with what is gone now.
    sessions.end_others(request.actor, request.actor.user, request.session.session_key)


def _removed(request, words: str) -> HttpResponse:
    _sign_others_out(request)
    off = "" if request.user.has_two_factor else " Two-factor is off."
    messages.success(request, words + off)
    return redirect("mfa_index")
