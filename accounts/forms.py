"""The forms of account pages."""

from __future__ import annotations

from django import forms
from django.conf import settings

from accounts.models import User


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
        choices=[("read-only", "read: install"), ("read-write", "read-write: install and publish")], label="Access"
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


class FirstAdminForm(forms.Form):
    """The account of the first operator."""

    username = forms.CharField(max_length=64, label="User name")
    email = forms.EmailField(label="E-mail")
    password = forms.CharField(widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}), label="Password")
