"""The forms with which operators and orgs write rules and exceptions."""

from __future__ import annotations

from typing import Any

from django import forms

from packages.models.rules import MAX_RANGE, MAX_TITLE, MAX_WHY, Rule
from packages.names import MAX_NAME
from packages.rules import values
from packages.rules.values import Values
from registry_site.errors import Invalid

LOOSENED = {
    Rule.COOLDOWN: "a shorter minimum age",
    Rule.SCRIPTS: "install scripts",
    Rule.DEPRECATED: "deprecated versions",
    Rule.BLOCKED: "exceptions from blocked packages",
    Rule.LICENSES: "exceptions from blocked licenses",
}
PLAIN = {"spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}


class RulesForm(forms.Form):
    """A new version of a set; `wanted` is what it says. of_org: whether it is an org's, beside the registry's."""

    name = forms.CharField(max_length=MAX_TITLE, label="Name", help_text="What errors and pages call these rules.")
    cooldown = forms.IntegerField(min_value=0, max_value=values.MOST_DAYS, required=False, label="Minimum age in days")
    blocked = forms.CharField(
        required=False,
        label="Blocked packages",
        widget=forms.Textarea(PLAIN | {"rows": 6}),
        help_text="One a line: name, name@range or @scope/*. What follows a # is told as the reason.",
    )
    licenses = forms.CharField(
        required=False,
        label="Blocked licenses",
        widget=forms.TextInput(PLAIN),
        help_text="SPDX ids, as in: GPL-3.0 AGPL-* unknown. Of a choice, as in (MIT OR GPL-3.0), one good license is "
        "enough; unknown stands for versions that name none.",
    )
    scripts = forms.ChoiceField(required=False, widget=forms.RadioSelect, label="Versions with install scripts")
    deprecated = forms.ChoiceField(required=False, widget=forms.RadioSelect, label="Versions that upstream deprecated")
    loosens = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="An org may loosen, for its own people",
        choices=[(rule.value, said) for rule, said in LOOSENED.items()],
        help_text="Asking for more is always theirs to decide.",
    )
    why = forms.CharField(max_length=MAX_WHY, label="Why", help_text="Stays beside this version.")

    def __init__(self, data=None, *, of_org: bool, kept: Values | None = None, name: str = "") -> None:
        said = kept or Values()
        initial = {
            "name": name,
            "cooldown": said.cooldown,
            "blocked": values.write_blocks(said.blocked),
            "licenses": " ".join(said.licenses),
            "scripts": _word(said.scripts, of_org),
            "deprecated": _word(said.deprecated, of_org),
            "loosens": sorted(said.loosens),
        }
        super().__init__(data, initial=initial)
        same = [("", "as the registry says")] if of_org else []
        for field in ("scripts", "deprecated"):
            self.fields[field].choices = [*same, ("yes", "are let through"), ("no", "are held back")]
        wait = "Empty: as the registry says." if of_org else "Empty or 0: no wait."
        self.fields["cooldown"].help_text = f"So long a new version waits before anybody gets it. {wait}"
        if of_org:
            del self.fields["loosens"]
            for field in ("blocked", "licenses"):
                self.fields[field].help_text += " They are added to the registry's."

    def clean(self) -> dict[str, Any]:
        """Adds `wanted`, the Values."""
        given = super().clean() or {}
        if self.errors:
            return given
        try:
            given["wanted"] = Values(
                cooldown=given["cooldown"],
                blocked=values.read_blocks(given["blocked"]),
                licenses=values.read_licenses(given["licenses"]),
                scripts=_said(given["scripts"]),
                deprecated=_said(given["deprecated"]),
                loosens=frozenset(Rule(each) for each in given.get("loosens", ())),
            )
        except Invalid as refusal:
            self.refuse(refusal)
        return given

    def refuse(self, refusal: Invalid) -> None:
        """Show a refusal beside the field that it is about."""
        refuse(self, refusal)


class ExceptionForm(forms.Form):
    """A new exception."""

    package = forms.CharField(max_length=MAX_NAME, label="Package", widget=forms.TextInput(PLAIN))
    range = forms.CharField(
        max_length=MAX_RANGE,
        required=False,
        label="Versions",
        widget=forms.TextInput(PLAIN),
        help_text="A version or a range. Empty: all of them.",
    )
    rule = forms.ChoiceField(choices=Rule.choices, label="Rule")
    reason = forms.CharField(max_length=MAX_WHY, label="Why")
    owner = forms.CharField(max_length=100, label="Who answers for it", help_text="A user name. They are told by mail.")
    until = forms.DateField(label="Up to", widget=forms.DateInput({"type": "date"}), help_text="Within a year.")

    def refuse(self, refusal: Invalid) -> None:
        """Show a refusal beside the field that it is about."""
        refuse(self, refusal)


def refuse(form: forms.Form, refusal: Invalid) -> None:
    """Show a refusal beside the field that its code names."""
    text = refusal.message[:1].upper() + refusal.message[1:] + "."
    form.add_error(refusal.code if refusal.code in form.fields else None, text)


def _word(said: bool | None, of_org: bool) -> str:
    if said is None:
        return "" if of_org else "yes"
    return "yes" if said else "no"


def _said(word: str) -> bool | None:
    return {"yes": True, "no": False}.get(word)
