"""Packages for operators: to look at; changes go through `manage.py`, npm and the website, where the policy is."""

from __future__ import annotations

import re

from django import forms
from django.contrib import admin
from django.db.models import Q

from accounts import admin_people, admin_sign_in, admin_standstill  # noqa: F401 - their pages register themselves
from accounts.admin import ReadOnlyAdmin
from accounts.operating import actor_of, confirm
from packages import (  # noqa: F401 - these register themselves
    admin_advisories,
    admin_backup,
    admin_quotas,
    admin_rules,
    admin_trust,
    admin_upstream,
    admin_use,
    quarantine,
    transfers,
)
from packages.admin_quarantine import QuarantineActions
from packages.models import (
    Attestation,
    DistTag,
    Document,
    DocumentPart,
    Package,
    PersonGrant,
    StagedVersion,
    TeamGrant,
    Version,
)

_DIGEST = re.compile(r"sha512-[A-Za-z0-9+/=]+|[0-9a-f]{40}")
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
    is_large = True
    heavy = ("full", "abbreviated", "readme", "readme_html")
    search_fields = ["package__name__exact"]
    search_help_text = "The name of a package, alone or as in name@1.0.0, or the digest of a tarball."
    list_select_related = ["package", "published_by"]
    exclude = ["readme_html", "abbreviated"]

    def get_search_results(self, request, queryset, search_term):
        asked = search_term.replace("\0", "").strip()
        if not asked:
            return queryset, False
        if _DIGEST.fullmatch(asked):
            return queryset.filter(Q(integrity=asked) | Q(shasum=asked)), False
        name, at, number = asked[1:].partition("@")
        found = queryset.filter(package__name=asked[0] + name)
        return found.filter(number=number) if at else found, False


@admin.register(StagedVersion)
class StagedVersionAdmin(ReadOnlyAdmin):
    list_display = ["package", "number", "tag", "published_by", "staged_at", "size"]
    heavy = ("full", "abbreviated", "readme", "readme_html")
    search_fields = ["package__name", "number", "integrity", "shasum"]
    list_select_related = ["package", "published_by"]
    exclude = ["readme_html", "abbreviated"]


@admin.register(Attestation)
class AttestationAdmin(ReadOnlyAdmin):
    list_display = ["version", "predicate_type", "verified_at", "created_at"]
    is_large = True
    heavy = ("bundle", "version__full", "version__abbreviated", "version__readme", "version__readme_html")
    list_select_related = ["version__package"]
    search_fields = ["version__package__name__exact"]


@admin.register(DistTag)
class DistTagAdmin(ReadOnlyAdmin):
    is_large = True
    heavy = ("version__full", "version__abbreviated", "version__readme", "version__readme_html")
    list_select_related = ["package", "version__package"]
    list_display = ["package", "name", "version"]
    search_fields = ["package__name__exact"]


@admin.register(TeamGrant)
class TeamGrantAdmin(ReadOnlyAdmin):
    is_large = True
    list_select_related = ["package", "team__org__scope"]
    list_display = ["package", "team", "permission", "created_at"]
    search_fields = ["package__name__exact", "team__name__exact"]


@admin.register(PersonGrant)
class PersonGrantAdmin(ReadOnlyAdmin):
    is_large = True
    list_select_related = ["package", "user"]
    list_display = ["package", "user", "permission", "created_at"]
    search_fields = ["package__name__exact", "user__username__exact"]


@admin.register(Document)
class DocumentAdmin(ReadOnlyAdmin):
    is_large = True
    list_select_related = ["package"]
    list_display = ["package", "base", "revision"]
    search_fields = ["package__name__exact"]
    fields = ["package", "base", "revision", "full_etag", "full_size", "abbreviated_etag", "abbreviated_size"]


@admin.register(DocumentPart)
class DocumentPartAdmin(ReadOnlyAdmin):
    is_large = True
    heavy = ("document__full_gzip", "document__abbreviated_gzip")
    list_display = ["document", "place"]
    list_select_related = ["document__package"]
    search_fields = ["document__package__name__exact"]
    fields = ["document", "place"]
