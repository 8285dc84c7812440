"""Names, credentials and the audit log, for operators."""

from __future__ import annotations

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.db import transaction

from accounts import audit, tokens
from accounts.admin_lists import ActionFilter, BoundedAdmin, SinceFilter
from accounts.models import (
    Approval,
    AuditEvent,
    AuditSeal,
    Invitation,
    OneTimePass,
    Scope,
    Token,
    WebLogin,
)
from accounts.operating import actor_of, confirm

admin.site.login = secure_admin_login(admin.site.login)  # the same door as the website's


class RecordedAdmin(BoundedAdmin):
    """An admin page whose changes are written into the audit log.

    takes_along: what goes with a deleted row although its own page is read-only, by verbose name.
    """

    takes_along: frozenset[str] = frozenset()

    def get_deleted_objects(self, objs, request):
        listed, counts, lacking, protected = super().get_deleted_objects(objs, request)
        return listed, counts, lacking - self.takes_along, protected

    def save_model(self, request, obj, form, change) -> None:
        super().save_model(request, obj, form, change)
        if form.changed_data or not change:
            self._record(request, obj, "changed" if change else "added", form.changed_data)

    def delete_model(self, request, obj) -> None:
        self._record(request, obj, "deleted", [])
        super().delete_model(request, obj)

    def delete_queryset(self, request, queryset) -> None:
        for obj in queryset:
            self.delete_model(request, obj)

    def _record(self, request, obj, verb: str, fields: list[str]) -> None:
        who = actor_of(request)
        label = f"{obj._meta.verbose_name} {obj}"[:200]
        audit.record(who, f"admin.{verb}", what=label, fields=[f for f in fields if "password" not in f])


class ReadOnlyAdmin(BoundedAdmin):
    """An admin page to look at: what it lists is written by the product alone."""

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False

    def has_operate_permission(self, request) -> bool:
        """Whether the operator may take the actions of this page."""
        return request.user.is_superuser


@admin.register(Scope)
class ScopeAdmin(RecordedAdmin):
    list_display = ["name", "kind", "user", "plan", "created_at"]
    actions = ["put_on_paid", "put_on_free"]
    list_select_related = ["user"]
    list_filter = ["kind", "plan"]
    search_fields = ["name"]
    fields = ["name", "kind", "user", "plan"]
    readonly_fields = ["name", "kind", "user"]

    @admin.action(description="Put on the paid plan", permissions=["change"])
    def put_on_paid(self, request, scopes):
        return self._put(request, scopes, Scope.Plan.PAID, "They can have private packages.")

    @admin.action(description="Put on the free plan", permissions=["change"])
    def put_on_free(self, request, scopes):
        says = "With PRIVATE_PACKAGES=subscribers nothing more can be published to their private packages."
        return self._put(request, scopes, Scope.Plan.FREE, says)

    def _put(self, request, scopes, plan: Scope.Plan, says: str):
        def act(scope, _) -> None:
            if scope.plan != plan:
                scope.plan = plan
                with transaction.atomic():
                    scope.save(update_fields=["plan"])
                    self._record(request, scope, "changed", ["plan"])

        return confirm(
            self,
            request,
            scopes,
            act,
            title=f"Put on the {plan.label.lower()} plan?",
            says=says,
            button=f"Put on the {plan.label.lower()} plan",
            done=f"On the {plan.label.lower()} plan:",
            describe=lambda scope: f"{scope}, {scope.get_plan_display().lower()} now",
        )

    def has_add_permission(self, request) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False


@admin.register(Token)
class TokenAdmin(ReadOnlyAdmin):
    list_display = ["prefix", "user", "kind", "name", "permission", "expires_at", "last_used_at", "revoked_at"]
    is_large = True
    list_select_related = ["user"]
    list_filter = ["kind", "permission"]
    search_fields = ["prefix", "name", "user__username"]
    exclude = ["digest"]
    actions = ["revoke"]

    @admin.action(description="Revoke", permissions=["operate"])
    def revoke(self, request, found):
        return confirm(
            self,
            request,
            found,
            lambda token, _: tokens.end(actor_of(request), token),
            title="Revoke?",
            says="They open nothing from then on, for ever. Whoever uses them makes new ones.",
            button="Revoke",
            done="Revoked:",
        )


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "created_by", "created_at", "used_by", "used_at"]
    list_select_related = ["created_by", "used_by"]
    search_fields = ["email"]
    exclude = ["digest"]


@admin.register(WebLogin)
class WebLoginAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "address", "agent", "approved_by", "closed_at"]
    list_select_related = ["approved_by"]
    search_fields = ["agent", "approved_by__username"]
    exclude = ["poll_digest"]


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ["at", "action", "actor_name", "credential", "package", "org", "person", "address"]
    list_filter = [ActionFilter, SinceFilter]
    ordering = ["-at", "-pk"]
    is_large = True
    search_fields = [f"{name}__exact" for name in ("actor_name", "package", "org", "person", "request_id")]
    search_help_text = "The whole name of a person, a machine, a package or an org, or the reference of a request."


@admin.register(AuditSeal)
class AuditSealAdmin(ReadOnlyAdmin):
    list_display = ["place", "at", "link", "noted_at", "pruned_at"]
    is_large = True
    search_fields = ["link__exact"]
    search_help_text = "A whole link, as manage.py verify_audit prints it."


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "user", "command", "address", "agent", "approved_at", "closed_at"]
    search_fields = ["user__username", "command"]
    exclude = ["poll_digest"]


@admin.register(OneTimePass)
class OneTimePassAdmin(ReadOnlyAdmin):
    list_display = ["user", "token", "good_until"]
    list_select_related = ["user", "token__user"]
    search_fields = ["user__username"]
    exclude = ["digest"]
