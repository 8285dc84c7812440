"""Into quarantine and out of it, for operators: of our own versions and of mirrored ones alike."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin

from accounts.operating import actor_of, confirm
from packages import quarantine


class QuarantineForm(forms.Form):
    reason = forms.CharField(
        max_length=quarantine.MAX_REASON,
        help_text="Shown to everybody who may read the package, and to npm.",
        widget=forms.TextInput({"class": "vTextField"}),
    )


class QuarantineActions:
    """The two actions of a list of versions. owner: the field that leads to whoever has the name.

    hold_says, lift_says: what happens, in words, before it does.
    """

    actions = ["hold", "lift"]
    owner = ""
    hold_says = lift_says = ""

    @admin.action(description="Put into quarantine", permissions=["operate"])
    def hold(self, request, versions):
        return confirm(
            self,
            request,
            versions.select_related(self.owner),
            lambda row, said: quarantine.hold(actor_of(request), *self._which(row), said["reason"]),
            title="Put into quarantine?",
            says=self.hold_says,
            button="Put into quarantine",
            done="In quarantine:",
            form=QuarantineForm,
        )

    @admin.action(description="Lift the quarantine", permissions=["operate"])
    def lift(self, request, versions):
        return confirm(
            self,
            request,
            versions.select_related(self.owner),
            lambda row, _: quarantine.lift(actor_of(request), *self._which(row)),
            title="Lift the quarantine?",
            says=self.lift_says,
            button="Lift the quarantine",
            done="Out of quarantine:",
            describe=lambda row: f"{row}: {row.quarantine_reason or 'not in quarantine'}",
        )

    def _which(self, row: Any) -> tuple[str, str]:
        return getattr(row, self.owner).name, row.number
