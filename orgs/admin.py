"""Orgs for operators."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin import ReadOnlyAdmin, RecordedAdmin
from orgs import organizations
from orgs.models import DEVELOPERS, FormerName, FormerTeamName, Invitation, Membership, Org, Seat, Team


@admin.register(Org)
class OrgAdmin(RecordedAdmin):
    list_display = ["name", "title", "created_at"]
    search_fields = ["scope__name", "title"]
    readonly_fields = ["scope", "created_at"]

    def has_add_permission(self, request) -> bool:
        return False  # manage.py create_org makes the scope and the first owner, too

    def has_delete_permission(self, request, obj=None) -> bool:
        return False


@admin.register(Membership)
class MembershipAdmin(RecordedAdmin):
    list_display = ["org", "user", "role", "created_at"]
    list_filter = ["role"]
    search_fields = ["org__scope__name", "user__username"]
    autocomplete_fields = ["org", "user"]
    takes_along = frozenset({"seat"})

    def get_readonly_fields(self, request, obj=None):
        if obj is None:
            return []
        fixed = ["org", "user"]  # seats belong to the membership and would move along
        return [*fixed, "role"] if organizations.is_last_owner(obj) else fixed

    def has_delete_permission(self, request, obj=None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj and organizations.is_last_owner(obj))

    def save_model(self, request, obj, form, change) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            Seat.objects.create(team=obj.org.teams.get(name=DEVELOPERS), membership=obj)


@admin.register(Team)
class TeamAdmin(RecordedAdmin):
    list_display = ["__str__", "description", "created_at"]
    search_fields = ["name", "org__scope__name"]
    takes_along = frozenset({"seat", "team grant"})

    def get_readonly_fields(self, request, obj=None):
        return ["org", "name"] if obj and obj.is_developers else ["org"]

    def has_add_permission(self, request) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj and obj.is_developers)


@admin.register(Seat)
class SeatAdmin(ReadOnlyAdmin):
    list_display = ["team", "membership"]
    search_fields = ["team__name", "membership__user__username"]


@admin.register(Invitation)
class OrgInvitationAdmin(ReadOnlyAdmin):
    list_display = ["org", "user", "email", "role", "invited_by", "sent_at", "closed_at", "outcome"]
    list_select_related = ["org__scope", "user", "invited_by"]
    search_fields = ["org__scope__name", "user__username", "email"]
    exclude = ["digest"]


@admin.register(FormerName)
class FormerNameAdmin(ReadOnlyAdmin):
    list_display = ["scope", "org"]
    list_select_related = ["scope", "org__scope"]
    search_fields = ["scope__name", "org__scope__name"]


@admin.register(FormerTeamName)
class FormerTeamNameAdmin(ReadOnlyAdmin):
    list_display = ["name", "team", "org"]
    list_select_related = ["team__org__scope", "org__scope"]
    search_fields = ["name", "org__scope__name"]
