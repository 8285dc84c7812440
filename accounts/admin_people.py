"""People for operators: their rights, passwords and two-factor, and whether they are let in."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, OuterRef

from accounts import passwords, suspension
from accounts.actor import Actor
from accounts.admin import ReadOnlyAdmin, RecordedAdmin
from accounts.models import Absence, DirectoryPerson, User
from accounts.operating import actor_of, confirm
from accounts.twofactor import enrolment
from registry_site.errors import NotAllowed

admin.site.unregister(Group)  # teams are what there is instead

RIGHTS = ("is_staff", "is_superuser", "user_permissions")  # which superusers alone give


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=suspension.MAX_REASON,
        help_text="For the audit log.",
        widget=forms.TextInput({"class": "vTextField"}),
    )


@admin.register(User)
class PersonAdmin(RecordedAdmin, UserAdmin):
    list_display = ["username", "email", "is_active", "is_staff", "two_factor", "last_login"]
    actions = ["suspend", "unsuspend", "remove_two_factor"]
    search_fields = ["username", "email", "full_name"]
    readonly_fields = ["username", "is_active", "two_factor", "two_factor_mode", "last_login", "date_joined"]
    fieldsets = [
        (None, {"fields": ["username", "password", "full_name", "email"]}),
        ("Rights", {"fields": ["is_active", "is_staff", "is_superuser", "user_permissions"]}),
        ("Two-factor", {"fields": ["two_factor", "two_factor_mode"]}),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    ]
    filter_horizontal = ["user_permissions"]
    list_filter = ["is_active", "is_staff", "is_superuser"]
    ordering = ["username"]

    def get_readonly_fields(self, request, obj=None):
        fixed = self.readonly_fields if obj else [name for name in self.readonly_fields if name != "username"]
        return fixed if request.user.is_superuser else [*fixed, *RIGHTS]

    def has_change_permission(self, request, obj=None) -> bool:
        return super().has_change_permission(request, obj) and not _is_above(request, obj)

    def has_delete_permission(self, request, obj=None) -> bool:
        return super().has_delete_permission(request, obj) and not _is_above(request, obj)

    def delete_model(self, request, obj) -> None:
        if _is_above(request, obj):  # of several chosen at once, none was asked about before
            raise PermissionDenied
        super().delete_model(request, obj)

    def user_change_password(self, request, id, form_url=""):
        person = self.get_object(request, unquote(id))
        if person is not None and passwords.is_the_companys(person):
            raise PermissionDenied("the company's directory has the password of this person")
        with transaction.atomic():
            answer = super().user_change_password(request, id, form_url)
            if person is not None and User.objects.get(pk=person.pk).password != person.password:
                passwords.changed_by_operator(request, actor_of(request), person)
        return answer

    def get_queryset(self, request):
        keys = Authenticator.objects.filter(user=OuterRef("pk")).exclude(type=Authenticator.Type.RECOVERY_CODES)
        return super().get_queryset(request).annotate(has_key=Exists(keys))

    @admin.display(description="two-factor", boolean=True, ordering="has_key")
    def two_factor(self, person) -> bool:
        return getattr(person, "has_key", False)

    @admin.action(description="Remove the two-factor of people who lost their device", permissions=["change"])
    def remove_two_factor(self, request, people):
        return confirm(
            self,
            request,
            people,
            lambda person, _: enrolment.disable(request, _operator_over(request, person), person),
            title="Remove two-factor?",
            says="Their password alone signs them in from then on. Be sure who asks; they are told by mail.",
            button="Remove two-factor",
            done="Two-factor is off for",
            describe=_person,
        )

    @admin.action(description="Suspend people", permissions=["change"])
    def suspend(self, request, people):
        return confirm(
            self,
            request,
            people,
            lambda person, said: suspension.suspend(_operator_over(request, person), person.username, said["reason"]),
            title="Suspend?",
            says="Their browser sessions end, their tokens are refused and nobody signs in, at once. "
            "Packages, grants and memberships stay as they are.",
            button="Suspend",
            done="Suspended:",
            describe=_person,
            form=ReasonForm,
        )

    @admin.action(description="Lift the suspension", permissions=["change"])
    def unsuspend(self, request, people):
        return confirm(
            self,
            request,
            people,
            lambda person, _: suspension.unsuspend(_operator_over(request, person), person.username),
            title="Lift the suspension?",
            says="They can sign in again, and their tokens work again where they were neither revoked nor ran out.",
            button="Lift it",
            done="No longer suspended:",
            describe=_person,
        )


@admin.register(DirectoryPerson)
class DirectoryPersonAdmin(ReadOnlyAdmin):
    list_display = ["user", "name", "key", "created_at", "seen_at"]
    list_select_related = ["user"]
    search_fields = ["user__username", "name"]


@admin.register(Absence)
class AbsenceAdmin(ReadOnlyAdmin):
    list_display = ["user", "source", "began_at"]
    list_select_related = ["user"]
    search_fields = ["user__username"]


def _person(person: User) -> str:
    named = f" ({person.full_name})" if person.full_name else ""
    return f"{person.username}{named}, {person.email or 'no address'}" + ("" if person.is_active else ", suspended")


def _is_above(request, person: User | None) -> bool:
    return person is not None and person.is_superuser and not request.user.is_superuser


def _operator_over(request, person: User) -> Actor:
    if _is_above(request, person):
        raise NotAllowed("a superuser is changed by superusers only")
    return actor_of(request)
