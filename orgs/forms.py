"""The forms of org pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.conf import settings

from accounts.limits import Limits
from orgs import service_accounts
from orgs.models import FirstGrant, Role, Team
from registry_site.errors import Refusal

ROLES = [(role.value, role.label) for role in (Role.DEVELOPER, Role.ADMIN, Role.OWNER)]
OFFERED = 50  # teams that an invitation offers to be in


class OrgForm(forms.Form):
    """A new org."""

    name = forms.CharField(max_length=64, label="Name", help_text="Its scope: packages are called @name/…")
    title = forms.CharField(max_length=120, required=False, label="Title", help_text="What people call it")


class ProfileForm(forms.Form):
    """What an org's page says."""

    title = forms.CharField(max_length=120, required=False, label="Title", help_text="What people call it")
    description = forms.CharField(max_length=300, required=False, label="Description")
    homepage = forms.CharField(max_length=200, required=False, label="Homepage", help_text="As in https://example.com")


class FirstGrantForm(forms.Form):
    """What `developers` is given on a new package."""

    first_grant = forms.ChoiceField(
        choices=[
            (FirstGrant.WRITE, "read-write: every member installs and publishes it"),
            (FirstGrant.READ, "read: every member installs it, and owners and admins say who publishes"),
            (FirstGrant.NONE, "nothing: owners and admins give it to teams first"),
        ],
        widget=forms.RadioSelect,
        label="The team developers gets",
        help_text="With nothing, a member who publishes a new package may lose it from sight, and with read may not "
        "publish the next version, until an owner or admin gives it to a team of theirs.",
    )


class TeamForm(forms.Form):
    """A new team, or another name for one."""

    name = forms.CharField(max_length=230, label="Name")
    description = forms.CharField(max_length=200, required=False, label="What it is for")


class MemberForm(forms.Form):
    """A member made at once, or another role for one."""

    user = forms.CharField(max_length=64, label="User name")
    role = forms.ChoiceField(choices=ROLES, label="Role")


class InvitationForm(forms.Form):
    """Somebody who is asked to join."""

    user = forms.CharField(max_length=254, label="User name or e-mail")
    role = forms.ChoiceField(choices=ROLES, label="Role")
    teams = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple, label="Teams")

    def __init__(self, teams: Iterable[Team], *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        names = [team.name for team in teams if not team.is_developers]
        self.fields["teams"].choices = [(name, name) for name in names[:OFFERED]]
        self.has_more = len(names) > OFFERED


class ServiceTokenForm(forms.Form):
    """A token of the org."""

    name = forms.CharField(
        max_length=service_accounts.MAX_NAME, label="Name", help_text="Of the service account, such as: deploy"
    )
    access = forms.ChoiceField(
        choices=[("read-only", "read: install"), ("read-write", "read-write: install and publish")], label="Packages"
    )
    packages = forms.CharField(
        required=False, label="Only these", help_text="Names, separated by spaces. Empty: all packages of the org."
    )
    cidr = forms.CharField(
        required=False,
        label="Only from",
        help_text="Address ranges, separated by spaces: 10.0.0.0/8. Empty: from anywhere.",
    )
    days = forms.IntegerField(min_value=1, label="Days", initial=90)

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["days"].max_value = settings.TOKEN_MAX_DAYS
        self.fields["days"].widget.attrs["max"] = settings.TOKEN_MAX_DAYS
        self.fields["days"].initial = min(90, settings.TOKEN_MAX_DAYS)

    def clean(self) -> dict[str, Any]:
        """Adds `wanted`, what the token is limited to, or says what does not go together."""
        given = super().clean() or {}
        if self.errors:
            return given
        listed = {name: given[name].replace(",", " ").lower().split() for name in ("packages", "cidr")}
        try:
            given["wanted"] = Limits(
                permission=given["access"], packages=listed["packages"], cidr=listed["cidr"], days=given["days"]
            )
        except Refusal as refusal:
            raise forms.ValidationError(refusal.message[:1].upper() + refusal.message[1:] + ".") from refusal
        return given
