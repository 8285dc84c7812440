"""The admin site as this product configures it; apart from `apps`, where Django would take it for the app itself."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class OperatorAdmin(AdminConfig):
    default = False
    default_site = "packages.admin_site.OperatorSite"
