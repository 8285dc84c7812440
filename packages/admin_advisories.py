"""What is known to be wrong with versions, for operators: advisories, and what upstream was asked about them."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin import ReadOnlyAdmin
from packages.models import Advisory, AdvisoryCheck, UpstreamAttestations, UpstreamKeys


@admin.register(Advisory)
class AdvisoryAdmin(ReadOnlyAdmin):
    list_display = ["name", "severity", "title", "range", "fixed_in", "published_at", "withdrawn_at"]
    list_filter = ["severity", ("package", admin.EmptyFieldListFilter), ("withdrawn_at", admin.EmptyFieldListFilter)]
    search_fields = ["name", "key", "title", "url"]
    exclude = ["html"]


@admin.register(AdvisoryCheck)
class AdvisoryCheckAdmin(ReadOnlyAdmin):
    list_display = ["name", "checked_at"]
    search_fields = ["name"]


@admin.register(UpstreamKeys)
class UpstreamKeysAdmin(ReadOnlyAdmin):
    list_display = ["url", "asked_at"]
    search_fields = ["url"]


@admin.register(UpstreamAttestations)
class UpstreamAttestationsAdmin(ReadOnlyAdmin):
    list_display = ["name", "number", "asked_at"]
    search_fields = ["name", "number"]
