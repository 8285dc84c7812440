"""What becomes of packages, for operators: stars, downloads, and who is told of changes."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin import ReadOnlyAdmin
from packages.models import DownloadCount, Star, Webhook, WebhookDelivery


@admin.register(Star)
class StarAdmin(ReadOnlyAdmin):
    list_display = ["package", "user", "created_at"]
    list_select_related = ["package", "user"]
    search_fields = ["package__name", "user__username"]


@admin.register(DownloadCount)
class DownloadCountAdmin(ReadOnlyAdmin):
    list_display = ["package", "version", "day", "count"]
    list_select_related = ["package", "version__package"]
    search_fields = ["package__name"]


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    list_display = ["kind", "name", "user", "created_at", "paused_at"]
    list_select_related = ["user"]
    search_fields = ["name", "user__username", "endpoint"]
    exclude = ["secret"]


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = ["event", "package", "webhook", "created_at", "attempts", "response_code", "delivered_at"]
    list_select_related = ["webhook"]
    search_fields = ["package", "event", "webhook__name"]
