"""How people sign in, for operators, without anything that opens an account: secrets, keys and mails are left out."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django_tasks_db.models import DBTaskResult

from accounts.admin import ReadOnlyAdmin, RecordedAdmin
from accounts.models import Device, RefusedRequest


@admin.register(EmailAddress)
class EmailAddressAdmin(RecordedAdmin):
    list_display = ["email", "user", "primary", "verified"]
    list_filter = ["verified"]
    list_select_related = ["user"]
    search_fields = ["email", "user__username"]
    readonly_fields = ["user", "email", "primary"]

    def has_add_permission(self, request) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnlyAdmin):
    list_display = ["user", "type", "created_at", "last_used_at"]
    list_filter = ["type"]
    list_select_related = ["user"]
    search_fields = ["user__username"]
    exclude = ["data"]


@admin.register(SocialAccount)
class ConnectedSignInAdmin(ReadOnlyAdmin):
    list_display = ["user", "provider", "last_login", "date_joined"]
    list_select_related = ["user"]
    search_fields = ["user__username", "uid"]
    exclude = ["extra_data"]


@admin.register(UserSession)
class SessionAdmin(ReadOnlyAdmin):
    list_display = ["user", "ip", "user_agent", "created_at", "last_seen_at"]
    list_select_related = ["user"]
    search_fields = ["user__username", "ip"]
    exclude = ["session_key", "data"]


@admin.register(Device)
class DeviceAdmin(ReadOnlyAdmin):
    list_display = ["user", "seen_at"]
    list_select_related = ["user"]
    search_fields = ["user__username"]
    exclude = ["digest"]


@admin.register(RefusedRequest)
class RefusedRequestAdmin(ReadOnlyAdmin):
    list_display = ["at", "reference", "status", "method", "path", "user", "address"]
    list_filter = ["status"]
    list_select_related = ["user"]
    search_fields = ["reference", "path", "package", "user__username"]


@admin.register(DBTaskResult)
class TaskAdmin(ReadOnlyAdmin):
    list_display = ["task_path", "status", "enqueued_at", "finished_at", "exception_class_path"]
    list_filter = ["status"]
    search_fields = ["task_path", "exception_class_path"]
    exclude = ["args_kwargs", "return_value"]  # mails, with links that reset passwords
