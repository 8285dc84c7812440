"""Limits of single scopes, for operators."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin import RecordedAdmin
from packages.models import Quota


@admin.register(Quota)
class QuotaAdmin(RecordedAdmin):
    """A row is made when a scope is first looked at; its counts are the product's, its limits the operators'."""

    list_display = ["scope", "megabytes", "packages", "versions", "used_bytes", "used_versions", "counted_at"]
    list_select_related = ["scope"]
    search_fields = ["scope__name"]
    autocomplete_fields = ["scope"]
    fields = ["scope", "megabytes", "packages", "versions", "used_bytes", "used_versions", "counted_at", "warned_at"]
    readonly_fields = ["used_bytes", "used_versions", "counted_at", "warned_at"]

    def get_readonly_fields(self, request, obj=None):
        return [*self.readonly_fields, *(["scope"] if obj else [])]
