"""What becomes of packages, for operators: stars, downloads, and who is told of changes."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin import ReadOnlyAdmin
from packages.models import AccessRequest, Dependency, DownloadCount, FeedKey, Star, TokenUse, Webhook, WebhookDelivery
from registry_site.models import Job


@admin.register(Star)
class StarAdmin(ReadOnlyAdmin):
    list_display = ["package", "user", "created_at"]
    is_large = True
    list_select_related = ["package", "user"]
    search_fields = ["package__name__exact", "user__username__exact"]


@admin.register(Dependency)
class DependencyAdmin(ReadOnlyAdmin):
    is_large = True
    list_display = ["package", "kind", "name", "range"]
    list_select_related = ["package"]
    search_fields = ["package__name__exact", "name__exact"]


@admin.register(DownloadCount)
class DownloadCountAdmin(ReadOnlyAdmin):
    list_display = ["package", "version", "day", "count"]
    is_large = True
    heavy = ("version__full", "version__abbreviated", "version__readme", "version__readme_html")
    list_select_related = ["package", "version__package"]
    search_fields = ["package__name__exact"]


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    list_display = ["kind", "name", "user", "created_at", "paused_at"]
    list_select_related = ["user"]
    search_fields = ["name", "user__username", "endpoint"]
    exclude = ["secret"]


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = ["event", "package", "webhook", "created_at", "attempts", "response_code", "delivered_at"]
    is_large = True
    heavy = ("payload",)
    list_select_related = ["webhook"]
    search_fields = ["webhook__name__exact", "webhook__user__username__exact"]


@admin.register(AccessRequest)
class AccessRequestAdmin(ReadOnlyAdmin):
    list_display = ["name", "membership", "created_at", "closed_at", "granted"]
    list_select_related = ["membership__user", "membership__org__scope"]
    search_fields = ["name", "membership__user__username"]


@admin.register(TokenUse)
class TokenUseAdmin(ReadOnlyAdmin):
    list_display = ["token", "package", "what", "at", "client", "address"]
    is_large = True
    list_select_related = ["token__user", "package"]
    search_fields = ["token__prefix", "package__name__exact"]


@admin.register(FeedKey)
class FeedKeyAdmin(ReadOnlyAdmin):
    list_display = ["user", "created_at"]
    list_select_related = ["user"]
    search_fields = ["user__username"]
    exclude = ["digest"]


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ["name", "due_at", "started_at", "finished_at", "failure"]
    search_fields = ["name"]
