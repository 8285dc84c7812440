"""The upstream registry for operators: what is mirrored, what to look at, and who downloaded what."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html

from accounts.admin import ReadOnlyAdmin
from accounts.operating import actor_of, confirm
from packages.admin_quarantine import QuarantineActions
from packages.models import DownloadRecord, Mirror, MirrorAlert, MirrorDocument, MirrorVersion
from packages.upstream import alerts


def _recall(name: str, number: str, text: str) -> str:
    return format_html('<a href="{}">{}</a>', reverse("admin:recall", args=[name, number]), text)


@admin.register(Mirror)
class MirrorAdmin(ReadOnlyAdmin):
    list_display = ["name", "state", "latest", "latest_at", "upstream", "checked_at", "failure"]
    list_filter = ["state", ("failed_at", admin.EmptyFieldListFilter)]
    search_fields = ["name", "upstream"]
    exclude = ["source"]


@admin.register(MirrorVersion)
class MirrorVersionAdmin(QuarantineActions, ReadOnlyAdmin):
    owner = "mirror"
    hold_says = (
        "Nobody can install these until the quarantine is lifted, whether or not their tarball is here. Who asks for "
        "them is told the reason."
    )
    lift_says = "These can be installed again, where no rule holds them back."
    list_display = ["mirror", "number", "downloads", "published_at", "removed_at", "refused_at", "quarantined_at"]
    list_filter = [
        ("version", admin.EmptyFieldListFilter),
        ("removed_at", admin.EmptyFieldListFilter),
        ("refused_at", admin.EmptyFieldListFilter),
        ("quarantined_at", admin.EmptyFieldListFilter),
    ]
    is_large = True
    heavy = ("mirror__source",)
    list_select_related = ["mirror"]
    search_fields = ["mirror__name__exact"]
    raw_id_fields = ["version"]

    @admin.display(description="recall")
    def downloads(self, row: MirrorVersion) -> str:
        return _recall(row.mirror.name, row.number, "who has it")


@admin.register(MirrorDocument)
class MirrorDocumentAdmin(ReadOnlyAdmin):
    list_display = ["mirror", "form", "base", "view", "revision", "valid_until"]
    is_large = True
    heavy = ("mirror__source",)
    list_select_related = ["mirror"]
    search_fields = ["mirror__name__exact"]
    fields = ["mirror", "form", "base", "view", "revision", "valid_until", "etag"]


@admin.register(MirrorAlert)
class MirrorAlertAdmin(ReadOnlyAdmin):
    list_display = ["at", "kind", "what", "text", "recall", "closed_at", "closed_by"]
    list_filter = [("closed_at", admin.EmptyFieldListFilter), "kind"]
    search_fields = ["name", "number", "text"]
    actions = ["close"]

    @admin.display(ordering="name")
    def what(self, row: MirrorAlert) -> str:
        return f"{row.name}@{row.number}" if row.number else row.name

    @admin.display(description="recall")
    def recall(self, row: MirrorAlert) -> str:
        if not row.is_recall:
            return ""
        if row.number:
            return _recall(row.name, row.number, "who has it")
        return format_html('<a href="{}?q={}">who has it</a>', reverse("admin:recalls"), row.name)

    @admin.action(description="Close", permissions=["operate"])
    def close(self, request, rows):
        return confirm(
            self,
            request,
            rows,
            lambda row, _: alerts.close(actor_of(request), row),
            title="Close these alerts?",
            says="They leave the operator home. Should the same happen again, it is told anew.",
            button="Close",
            done="Closed:",
            describe=lambda row: f"{row}: {row.text}",
        )


@admin.register(DownloadRecord)
class DownloadRecordAdmin(ReadOnlyAdmin):
    """Kept for `DOWNLOAD_RECORD_DAYS`."""

    list_display = ["name", "number", "who", "credential", "address", "client", "count", "first_at", "last_at"]
    is_large = True
    list_filter = ["mirrored", "day"]
    list_select_related = ["user"]
    search_fields = ["name__exact", "user__username__exact"]
