"""Packages for operators: to look at; changes go through `manage.py`, npm and the website, where the policy is."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin import ReadOnlyAdmin
from packages import admin_trust, admin_use  # noqa: F401 - its pages register themselves
from packages.models import Attestation, DistTag, Document, Package, PersonGrant, StagedVersion, TeamGrant, Version


@admin.register(Package)
class PackageAdmin(ReadOnlyAdmin):
    list_display = ["name", "access", "mirrored", "revision", "modified_at", "unpublished_at"]
    list_filter = ["access", "mirrored"]
    search_fields = ["name", "description"]


@admin.register(Version)
class VersionAdmin(ReadOnlyAdmin):
    list_display = ["package", "number", "published_by", "published_at", "size", "unpublished_at"]
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
