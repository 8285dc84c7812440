"""The forms of account pages."""

from __future__ import annotations

from typing import Any

from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from allauth.socialaccount.forms import SignupForm
from django import forms
from django.conf import settings

from accounts.limits import Limits
from accounts.notices import ALWAYS, Kind
from accounts.provider_sign_in import verified
from accounts.twofactor import codes
from registry_site.errors import Refusal, TooManyRequests


class ProfileForm(forms.Form):
    """What others see of a person, beside the name; the fields of `npm profile set`, by their columns."""

    full_name = forms.CharField(required=False, label="Full name")
    homepage = forms.CharField(required=False, label="Homepage", help_text="Such as https://example.com")
    github = forms.CharField(required=False, label="GitHub", help_text="Your name there")


class NotificationsForm(forms.Form):
    """The kinds of notices that a person wants by mail; those about their own account always come."""

    wanted = forms.MultipleChoiceField(
        choices=[(kind.value, kind.label) for kind in Kind if kind not in ALWAYS],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="By mail",
        help_text="What concerns your own account, such as sign-ins, is always sent.",
    )


class ProviderSignUpForm(SignupForm):
    """The name of somebody new whom the provider knows; what it vouches for is theirs, whoever else said so."""

    def validate_unique_email(self, value) -> str:
        return value if value in verified(self.sociallogin) else super().validate_unique_email(value)


class TokenForm(forms.Form):
    """A granular token: it publishes and installs what its person may, within these limits."""

    name = forms.CharField(max_length=120, label="Name", help_text="What it is for, such as: build server")
    access = forms.ChoiceField(
        choices=[
            ("read-only", "read: install"),
            ("read-write", "read-write: install and publish"),
            ("read-write-stage-only", "stage: install, and upload versions that a person releases"),
            ("no-access", "nothing: for members and teams of an organization only"),
        ],
        label="Packages",
    )
    limits = forms.CharField(
        required=False,
        label="Only these",
        help_text="Packages or scopes, separated by spaces: @acme/ledger @acme. Empty: everything you may use.",
    )
    orgs = forms.CharField(required=False, label="Organizations", help_text="Names, separated by spaces.")
    org_access = forms.ChoiceField(
        required=False,
        choices=[
            ("no-access", "nothing"),
            ("read-only", "see members and teams"),
            ("read-write", "manage members and teams"),
        ],
        label="Their members and teams",
    )
    cidr = forms.CharField(
        required=False,
        label="Only from",
        help_text="Address ranges, separated by spaces: 10.0.0.0/8. Empty: from anywhere.",
    )
    days = forms.IntegerField(min_value=1, label="Days", initial=30)
    bypass = forms.BooleanField(
        required=False,
        label="Never ask for two-factor",
        help_text="For CI, where nobody can type a code. Whoever has the token can publish.",
    )

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["days"].max_value = settings.TOKEN_MAX_DAYS
        self.fields["days"].widget.attrs["max"] = settings.TOKEN_MAX_DAYS

    def clean_days(self) -> int:
        days = self.cleaned_data["days"]
        if days > settings.TOKEN_MAX_DAYS:
            raise forms.ValidationError(f"A token lives at most {settings.TOKEN_MAX_DAYS} days.")
        return days

    def clean(self) -> dict[str, Any]:
        """Adds `wanted`, what the token is to be limited to, or says what does not go together."""
        given = super().clean() or {}
        if self.errors:
            return given
        listed = {name: given[name].replace(",", " ").lower().split() for name in ("limits", "orgs", "cidr")}
        scopes = [each.removeprefix("@") for each in listed["limits"] if each.startswith("@") and "/" not in each]
        orgs = [each.removeprefix("@") for each in listed["orgs"]]
        try:
            given["wanted"] = Limits(
                permission=given["access"],
                packages=[each for each in listed["limits"] if "/" in each or not each.startswith("@")],
                scopes=scopes,
                orgs=orgs,
                org_permission=given["org_access"] or ("read-only" if orgs else "no-access"),
                bypass_two_factor=given["bypass"],
                cidr=listed["cidr"],
                days=given["days"],
                name=given["name"],
            )
        except Refusal as refusal:
            raise forms.ValidationError(refusal.message[:1].upper() + refusal.message[1:] + ".") from refusal
        return given


class DeleteAccountForm(forms.Form):
    """The name, typed by whoever means it."""

    name = forms.CharField(max_length=64, label="Your name", widget=forms.TextInput(attrs={"autocomplete": "off"}))


class AddPasskeyForm(AddWebAuthnForm):
    """A passkey: named by its person, and good enough to sign in with it alone unless they say otherwise."""

    name = forms.CharField(max_length=60, label="Name", help_text="Such as: laptop, or blue key")
    passwordless = forms.BooleanField(
        required=False,
        initial=True,
        label="Sign in with it alone",
        help_text="Without name and password. An old security key without a PIN cannot do this.",
    )

    def clean_name(self) -> str:
        return self.cleaned_data["name"].strip() or super().clean_name()


class _SpendsCode:
    """Codes typed on the website and codes of npm are spent in one place, each of them once."""

    def clean_code(self) -> str:
        code = self.cleaned_data["code"]
        try:
            right = codes.check(context.request, self.user, None, code)
        except TooManyRequests as refusal:
            raise forms.ValidationError(refusal.message) from refusal
        if not right:
            raise forms.ValidationError("That code is not right, or it was used already. Wait for the next one.")
        shown = Authenticator.objects.filter(user=self.user).exclude(type=Authenticator.Type.WEBAUTHN)
        self.authenticator = shown.exclude(last_used_at=None).latest("last_used_at")
        self.authenticator.user = self.user
        return code


class OneTimePassForm(_SpendsCode, AuthenticateForm):
    """The second step of signing in."""


class OneTimePassAgainForm(_SpendsCode, ReauthenticateForm):
    """Showing once more who one is, before something that matters."""


class FirstAdminForm(forms.Form):
    """The account of the first operator."""

    username = forms.CharField(max_length=64, label="User name")
    email = forms.EmailField(label="E-mail")
    password = forms.CharField(widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}), label="Password")
