"""The forms in which a workflow is named, one for each kind of provider."""

from __future__ import annotations

from typing import Any

from django import forms

from packages import trust
from packages.providers import Provider
from packages.workflows import CIRCLE, MAX_TEXT
from registry_site.errors import Malformed


class PublisherForm(forms.Form):
    """What every kind has: the package, when the page is about a whole scope, and what the workflow may do."""

    package = forms.CharField(max_length=214, label="Package", help_text="The name it will have, without the scope.")

    def __init__(self, provider: Provider, data=None, *, scope: str = "") -> None:
        super().__init__(data, prefix=provider.name, auto_id=f"{provider.name}-%s")
        self.provider, self.scope = provider, scope
        if not scope:
            del self.fields["package"]
        self.fields["publish"] = forms.BooleanField(required=False, initial=True, label="It may publish")
        self.fields["stage"] = forms.BooleanField(required=False, label="It may stage versions that a person releases")
        self.order_fields(["package"])

    def claims(self) -> dict[str, Any]:
        """The claims as `npm trust` would send them. Raises Malformed."""
        raise NotImplementedError

    def name(self) -> str:
        """The full name of the package, on a page about a scope."""
        return f"@{self.scope}/{self.cleaned_data['package'].strip().removeprefix(f'@{self.scope}/')}"

    def permissions(self) -> list[str]:
        """npm's words for what was ticked."""
        wanted = {trust.PUBLISH: "publish", trust.STAGE: "stage"}
        return [word for word, field in wanted.items() if self.cleaned_data[field]]


class GitHubForm(PublisherForm):
    repository = forms.CharField(max_length=MAX_TEXT, label="Repository", help_text="owner/name")
    file = forms.CharField(
        max_length=MAX_TEXT, label="Workflow", help_text="The name of a file in .github/workflows, such as publish.yml"
    )
    environment = forms.CharField(max_length=MAX_TEXT, required=False, label="Environment")

    def claims(self) -> dict[str, Any]:
        given = self.cleaned_data
        found = {"repository": given["repository"], "workflow_ref": {"file": given["file"]}}
        return found | {"environment": given["environment"]}


class GitLabForm(PublisherForm):
    project = forms.CharField(max_length=MAX_TEXT, label="Project", help_text="group/project")
    file = forms.CharField(max_length=MAX_TEXT, label="Pipeline", initial=".gitlab-ci.yml")
    environment = forms.CharField(max_length=MAX_TEXT, required=False, label="Environment")

    def claims(self) -> dict[str, Any]:
        given = self.cleaned_data
        found = {"project_path": given["project"], "ci_config_ref_uri": {"file": given["file"]}}
        return found | {"environment": given["environment"]}


class CircleForm(PublisherForm):
    org = forms.CharField(max_length=36, label="Organization id")
    project = forms.CharField(max_length=36, label="Project id")
    definition = forms.CharField(max_length=36, label="Pipeline definition id")
    origin = forms.CharField(max_length=MAX_TEXT, label="Origin", help_text="github.com/owner/name")
    contexts = forms.CharField(required=False, label="Context ids", help_text="All of them have to be in use.")

    def claims(self) -> dict[str, Any]:
        given = self.cleaned_data
        found: dict[str, Any] = {
            f"{CIRCLE}org-id": given["org"],
            f"{CIRCLE}project-id": given["project"],
            f"{CIRCLE}pipeline-definition-id": given["definition"],
            f"{CIRCLE}vcs-origin": given["origin"],
        }
        contexts = given["contexts"].replace(",", " ").split()
        return found | ({f"{CIRCLE}context-ids": contexts} if contexts else {})


class AnyForm(PublisherForm):
    wanted = forms.CharField(
        max_length=4000,
        label="Claims",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One a line, name = value, as in sub = project:ledger. All of them have to be equal.",
    )

    def claims(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for line in filter(None, map(str.strip, self.cleaned_data["wanted"].splitlines())):
            name, sign, value = (part.strip() for part in line.partition("="))
            if not sign or name in found:
                raise Malformed(f"{line[:60]} is not name = value, or the name stands twice")
            found[name] = value
        return found


FORMS: dict[str, type[PublisherForm]] = {
    "github": GitHubForm,
    "gitlab": GitLabForm,
    "circleci": CircleForm,
    "any": AnyForm,
}
