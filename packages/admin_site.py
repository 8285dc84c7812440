"""The admin site: its home shows how the registry does, and every change asks who is there."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.shortcuts import redirect

from accounts.views.stepping import asks_again
from packages import admin_configuration, admin_mirror, admin_recall, overview

# What libraries call their apps says little to an operator.
APPS = {
    "account": "E-mail addresses",
    "django_tasks_database": "Queue of the background worker",
    "mfa": "Second factors",
    "socialaccount": "Sign-ins with a provider",
    "usersessions": "Sessions of browsers",
}


class OperatorSite(AdminSite):
    """Django's admin site behind the website's door.

    A form is taken from an operator who showed a few minutes ago who they are: a browser that was left open, or a
    stolen cookie, changes nothing.
    """

    site_header = site_title = "Registry administration"
    index_title = "Operator home"

    def register(self, model_or_iterable, admin_class=None, **options):
        # Their own pages show and change secrets, and write nothing into the audit log; ours are in accounts.
        if admin_class is None or not admin_class.__module__.startswith(("allauth.", "django_tasks_db.")):
            super().register(model_or_iterable, admin_class, **options)

    def admin_view(self, view, cacheable=False):
        leaving = view == self.logout
        return super().admin_view(view if leaving else asks_again(view), cacheable)

    def get_urls(self):
        own = [*admin_recall.urls(self), *admin_mirror.urls(self), *admin_configuration.urls(self)]
        return [*own, *super().get_urls()]

    def password_change(self, request, extra_context=None):
        return redirect("account_change_password")  # the website's, which tells by mail

    def get_app_list(self, request, app_label=None):
        found = super().get_app_list(request, app_label)
        for each in found:
            each["name"] = APPS.get(each["app_label"], each["name"])
        return sorted(found, key=lambda each: each["name"].lower())

    def index(self, request, extra_context=None):
        facts = overview.facts() if self.has_permission(request) else {}
        return super().index(request, facts | (extra_context or {}))
