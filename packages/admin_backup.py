"""What a database knows of its storage and of its backups, for operators."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin import ReadOnlyAdmin
from packages.models import KnownStorage, UsedNumber


@admin.register(KnownStorage)
class KnownStorageAdmin(ReadOnlyAdmin):
    list_display = ["name", "since"]
    search_fields = ["name__exact"]


@admin.register(UsedNumber)
class UsedNumberAdmin(ReadOnlyAdmin):
    list_display = ["name", "folded", "integrity", "found_at"]
    is_large = True
    search_fields = ["name__exact"]
    search_help_text = "The whole name of a package."
