"""Lists of the admin site whose cost does not grow with their tables, which may have many millions of rows."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import admin
from django.db.models import BinaryField, QuerySet
from django.utils import timezone

from accounts import audit
from registry_site.paging import BoundedPaginator


class BoundedAdmin(admin.ModelAdmin):
    """A list with the newest rows first that counts so far and no further.

    heavy: columns that stay in the database until a row's own page asks for them, as bytes always do; paths such as
    `version__readme`, too. is_large: whether the table may be so large that no other order than its own is offered.
    """

    heavy: tuple[str, ...] = ()
    is_large = False
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def get_ordering(self, request):
        return self.ordering or ["-pk"]

    def get_queryset(self, request) -> QuerySet:
        binary = [each.name for each in self.model._meta.concrete_fields if isinstance(each, BinaryField)]
        found = super().get_queryset(request)
        return found.defer(*self.heavy, *binary) if self.heavy or binary else found

    def get_sortable_by(self, request):
        return () if self.is_large else super().get_sortable_by(request)


class ActionFilter(admin.SimpleListFilter):
    """What was done, out of all that is ever done here; the log is not asked which of them are in it."""

    title, parameter_name = "action", "action"

    def lookups(self, request, model_admin):
        return [(action, action) for action in sorted(audit.SENTENCES)]

    def queryset(self, request, queryset):
        return queryset.filter(action=self.value()) if self.value() else queryset


class SinceFilter(admin.SimpleListFilter):
    """How long ago, at most."""

    title, parameter_name = "time", "days"

    def lookups(self, request, model_admin):
        return [("1", "the last day"), ("7", "the last 7 days"), ("30", "the last 30 days"), ("365", "the last year")]

    def queryset(self, request, queryset):
        days = self.value()
        return (
            queryset.filter(at__gte=timezone.now() - timedelta(days=int(days)))
            if days in dict(self.lookup_choices)
            else queryset
        )
