"""The forms of account pages."""

from __future__ import annotations

from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from django import forms
from django.conf import settings

from accounts import twofactor
from accounts.models import User
from registry_site.errors import TooManyRequests


class ProfileForm(forms.ModelForm):
    """What others see of a person, beside the name."""

    class Meta:
        model = User
        fields = ["full_name"]
        labels = {"full_name": "Full name"}


class TokenForm(forms.Form):
    """A granular token: it publishes and installs what its person may, within these limits."""

    name = forms.CharField(max_length=120, label="Name", help_text="What it is for, such as: build server")
    access = forms.ChoiceField(
        choices=[
            ("read-only", "read: install"),
            ("read-write", "read-write: install and publish"),
            ("read-write-stage-only", "stage: install, and upload versions that a person releases"),
        ],
        label="Access",
    )
    limits = forms.CharField(
        required=False,
        label="Limited to",
        help_text="Packages or scopes, separated by spaces: @acme/ledger @acme. Empty: everything you may use.",
    )
    days = forms.IntegerField(min_value=1, label="Days", initial=30)

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["days"].max_value = settings.TOKEN_MAX_DAYS
        self.fields["days"].widget.attrs["max"] = settings.TOKEN_MAX_DAYS

    def clean_days(self) -> int:
        days = self.cleaned_data["days"]
        if days > settings.TOKEN_MAX_DAYS:
            raise forms.ValidationError(f"A token lives at most {settings.TOKEN_MAX_DAYS} days.")
        return days


class _SpendsCode:
    """Codes typed on the website and codes of npm are spent in one place, each of them once."""

    def clean_code(self) -> str:
        code = self.cleaned_data["code"]
        try:
            right = twofactor.check(context.request, self.user, None, code)
        except TooManyRequests as refusal:
            raise forms.ValidationError(refusal.message) from refusal
        if not right:
            raise forms.ValidationError("That code is not right, or it was used already. Wait for the next one.")
        codes = Authenticator.objects.filter(user=self.user).exclude(type=Authenticator.Type.WEBAUTHN)
        self.authenticator = codes.order_by("-last_used_at").first()
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
