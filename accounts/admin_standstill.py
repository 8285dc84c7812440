"""Read-only mode in the admin site: a row added is the mode on, the row deleted is the mode off."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from django.utils import timezone

from accounts import standstill
from accounts.admin_lists import BoundedAdmin
from accounts.models import ReadOnly
from accounts.operating import actor_of
from registry_site.errors import Refusal


class ReadOnlyForm(forms.ModelForm):
    """Why, and until when."""

    class Meta:
        model = ReadOnly
        fields = ["reason", "until"]

    def clean_until(self):
        until = self.cleaned_data["until"]
        if until is not None and until <= timezone.now():
            raise forms.ValidationError("Choose a time that comes, or none.")
        return until


@admin.register(ReadOnly)
class ReadOnlyAdmin(BoundedAdmin):
    """Changes go through the verbs, which write the audit log."""

    form = ReadOnlyForm
    list_display = ["reason", "began_at", "until", "by"]
    search_fields = ["reason"]

    def has_add_permission(self, request) -> bool:
        return super().has_add_permission(request) and not ReadOnly.objects.exists()

    def save_model(self, request, obj, form, change) -> None:
        standstill.begin(actor_of(request), obj.reason, obj.until)
        obj.pk = ReadOnly.objects.values_list("pk", flat=True).get()

    def delete_model(self, request, obj) -> None:
        try:
            standstill.end(actor_of(request))
        except Refusal as refusal:
            self.message_user(request, refusal.message, "error")

    def delete_queryset(self, request, queryset) -> None:
        self.delete_model(request, None)
