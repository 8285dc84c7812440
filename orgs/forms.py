"""The forms of org pages."""

from __future__ import annotations

from django import forms

from orgs.models import Role


class OrgForm(forms.Form):
    """A new org."""

    name = forms.CharField(max_length=64, label="Name", help_text="Its scope: packages are called @name/…")
    title = forms.CharField(max_length=120, required=False, label="Title", help_text="What people call it")


class TitleForm(forms.Form):
    """An org's title."""

    title = forms.CharField(max_length=120, required=False, label="Title")


class TeamForm(forms.Form):
    """A new team."""

    name = forms.CharField(max_length=64, label="Name")
    description = forms.CharField(max_length=200, required=False, label="What it is for")


class MemberForm(forms.Form):
    """A new member, or another role for one."""

    user = forms.CharField(max_length=64, label="User name")
    role = forms.ChoiceField(
        choices=[(r.value, r.label) for r in (Role.DEVELOPER, Role.ADMIN, Role.OWNER)], label="Role"
    )
