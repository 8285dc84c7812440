"""The form in which owners say what is wrong with versions."""

from __future__ import annotations

import re

from django import forms

from packages import advising
from packages.advising import Draft
from packages.models import Advisory, Severity
from packages.names import MAX_VERSION
from packages.ranges import MAX_RANGE

MAX_IDS = 1_000  # characters


class AdvisoryForm(forms.Form):
    """What an advisory says; `draft` gives it to the verbs, whose refusals name these fields."""

    title = forms.CharField(
        max_length=advising.MAX_TITLE, label="What is wrong", help_text="One sentence, which npm audit prints."
    )
    range = forms.CharField(
        max_length=MAX_RANGE,
        label="Affected versions",
        help_text="A range as npm reads it, such as &lt;1.4.2, or one version.",
    )
    fixed_in = forms.CharField(
        max_length=MAX_VERSION, required=False, label="Fixed in", help_text="The first version that is safe."
    )
    severity = forms.ChoiceField(choices=Severity.choices, initial=Severity.HIGH, label="Severity")
    text = forms.CharField(
        max_length=advising.MAX_TEXT,
        required=False,
        label="More about it",
        help_text="What can happen, who is affected, what to do until they upgrade. Markdown.",
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    cves = forms.CharField(max_length=MAX_IDS, required=False, label="CVE ids", help_text="With commas between them.")
    cwes = forms.CharField(max_length=MAX_IDS, required=False, label="CWE ids", help_text="Such as CWE-79.")

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        for name in ("range", "fixed_in", "cves", "cwes"):
            self.fields[name].widget.attrs |= {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}

    @classmethod
    def of(cls, row: Advisory) -> AdvisoryForm:
        """The form with what an advisory says now."""
        said = {name: getattr(row, name) for name in ("title", "range", "fixed_in", "severity", "text")}
        return cls(initial=said | {"cves": ", ".join(row.cves), "cwes": ", ".join(row.cwes)})

    def draft(self) -> Draft:
        """What was written, to be checked by the verbs."""
        given = self.cleaned_data
        ids = {name: [word for word in re.split(r"[,\s]+", given[name]) if word] for name in ("cves", "cwes")}
        said = {name: given[name] for name in ("title", "range", "fixed_in", "severity", "text")}
        return Draft(**said, **ids)
