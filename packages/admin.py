"""Packages for operators: to look at; changes go through `manage.py`, npm and the website, where the policy is."""

from __future__ import annotations

from django import forms
from django.contrib import admin

from accounts import admin_sign_in  # noqa: F401 - its pages register themselves
from accounts.admin import ReadOnlyAdmin
from accounts.operating import actor_of, confirm
from packages import (  # noqa: F401 - these register themselves
    admin_advisories,
    admin_rules,
    admin_trust,
    admin_upstream,
    admin_use,
    quarantine,
    transfers,
)
from packages.admin_quarantine import QuarantineActions
from packages.models import Attestation, DistTag, Document, Package, PersonGrant, StagedVersion, TeamGrant, Version

HANDED_OVER = {
    transfers.Way.OWNER: "the person becomes its owner, and earlier owners keep read-write",
    transfers.Way.ORG: "it belongs to an org; the person becomes an owner of the org, with all its packages",
    transfers.Way.SCOPE: "its scope lost its person and becomes an org that the person owns, with all its packages",
    transfers.Way.NONE: "cannot be handed over: whoever holds its name is there",
}


class OwnerForm(forms.Form):
    to = forms.CharField(label="To whom", max_length=100, help_text="The user name of the new owner.")


@admin.register(Package)
class PackageAdmin(ReadOnlyAdmin):
    list_display = ["name", "access", "mirrored", "revision", "modified_at", "unpublished_at"]
    list_filter = ["access", "mirrored"]
    list_select_related = ["scope__user"]
    search_fields = ["name", "description"]
    actions = ["transfer"]

    @admin.action(description="Hand over to another owner", permissions=["operate"])
    def transfer(self, request, packages):
        return confirm(
            self,
            request,
            packages.select_related("scope"),
            lambda package, said: transfers.transfer(actor_of(request), package.name, said["to"]),
            title="Hand over?",
            says="Names never change, so how a package changes hands depends on what holds its name.",
            button="Hand over",
            done="Handed over:",
            describe=lambda package: f"{package}: {HANDED_OVER[transfers.way(package)]}",
            form=OwnerForm,
        )


@admin.register(Version)
class VersionAdmin(QuarantineActions, ReadOnlyAdmin):
    owner = "package"
    hold_says = (
        "Nobody can install these until the quarantine is lifted. Tags that point at them go, latest moves to the "
        "highest version that is left. Whoever may read the package sees the reason."
    )
    lift_says = "These can be installed again, and get back the tags that nobody moved meanwhile."
    list_display = ["package", "number", "published_by", "published_at", "size", "unpublished_at", "quarantined_at"]
    list_filter = [("quarantined_at", admin.EmptyFieldListFilter), ("unpublished_at", admin.EmptyFieldListFilter)]
    search_fields = ["package__name", "number", "integrity", "shasum"]
    list_select_related = ["package", "published_by"]
    exclude = ["readme_html", "abbreviated"]


@admin.register(StagedVersion)
class StagedVersionAdmin(ReadOnlyAdmin):
    list_display = ["package", "number", "tag", "published_by", "staged_at", "size"]
    search_fields = ["package__name", "number", "integrity", "shasum"]
    list_select_related = ["package", "published_by"]
    exclude = ["readme_html", "abbreviated"]


@admin.register(Attestation)
class AttestationAdmin(ReadOnlyAdmin):
    list_display = ["version", "predicate_type", "verified_at", "created_at"]
    list_select_related = ["version__package"]
    search_fields = ["version__package__name"]


@admin.register(DistTag)
class DistTagAdmin(ReadOnlyAdmin):
    list_display = ["package", "name", "version"]
    search_fields = ["package__name", "name"]


@admin.register(TeamGrant)
class TeamGrantAdmin(ReadOnlyAdmin):
    list_display = ["package", "team", "permission", "created_at"]
    search_fields = ["package__name", "team__name"]


@admin.register(PersonGrant)
class PersonGrantAdmin(ReadOnlyAdmin):
    list_display = ["package", "user", "permission", "created_at"]
    search_fields = ["package__name", "user__username"]


@admin.register(Document)
class DocumentAdmin(ReadOnlyAdmin):
    list_display = ["package", "base", "revision"]
    search_fields = ["package__name", "base"]
    fields = ["package", "base", "revision", "full_etag", "abbreviated_etag"]
