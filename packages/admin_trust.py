"""Trusted publishing for operators: which issuers are believed, who trusts what, what was refused."""

from __future__ import annotations

from django import forms
from django.contrib import admin

from accounts.admin import ReadOnlyAdmin, RecordedAdmin
from packages import providers, trust
from packages.models import Issuer, RefusedExchange, SpentIdentity, TrustedPublisher
from registry_site.errors import Refusal


class IssuerForm(forms.ModelForm):
    """A new issuer; it is checked as `manage.py add_issuer` checks it."""

    class Meta:
        model = Issuer
        fields = ["name", "title", "url", "claims"]
        field_classes = {"url": forms.CharField}  # the iss claim to the letter, also of a host without a dot
        widgets = {"url": forms.TextInput}

    def clean(self) -> dict:
        given = super().clean() or self.cleaned_data
        if self.instance.pk is None and {"name", "url", "claims"} <= set(given):
            try:
                providers.require_usable(given["name"], given["url"], given["claims"])
            except Refusal as refusal:
                raise forms.ValidationError(refusal.message) from refusal
        return given


@admin.register(Issuer)
class IssuerAdmin(RecordedAdmin):
    form = IssuerForm
    list_display = ["name", "title", "url", "claims", "created_at"]
    search_fields = ["name", "title", "url"]

    def get_readonly_fields(self, request, obj=None):
        return ["name", "url", "claims"] if obj else []  # another issuer is another row

    def has_delete_permission(self, request, obj=None) -> bool:
        in_use = obj is not None and providers.is_in_use(obj.name)
        return not in_use and super().has_delete_permission(request, obj)

    def delete_queryset(self, request, queryset) -> None:
        super().delete_queryset(request, [each for each in queryset if not providers.is_in_use(each.name)])


@admin.register(TrustedPublisher)
class TrustedPublisherAdmin(RecordedAdmin, ReadOnlyAdmin):
    list_display = ["name", "kind", "created_by", "created_at", "last_used_at"]
    list_filter = ["kind"]
    search_fields = ["name", "created_by__username"]

    def has_delete_permission(self, request, obj=None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)

    def delete_model(self, request, obj) -> None:
        self._record(request, obj, "deleted", [])
        trust.end(obj)


@admin.register(RefusedExchange)
class RefusedExchangeAdmin(ReadOnlyAdmin):
    list_display = ["at", "name", "issuer", "reason", "claim", "expected", "got", "address"]
    search_fields = ["name", "issuer"]


@admin.register(SpentIdentity)
class SpentIdentityAdmin(ReadOnlyAdmin):
    list_display = ["issuer", "token_id", "forget_after"]
    search_fields = ["issuer", "token_id"]
