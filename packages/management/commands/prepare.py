"""`manage.py prepare`: everything between the code and a server that runs."""

from __future__ import annotations

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.urls import reverse

from accounts import people


class Command(BaseCommand):
    help = "Bring the data folder up to date: tables, static files, and a link for the first admin."
    requires_system_checks: list[str] = []

    def handle(self, *args, **options) -> None:
        for folder in (settings.DATA_DIR, settings.SPOOL_DIR):
            folder.mkdir(parents=True, exist_ok=True)
        call_command("migrate", interactive=False, verbosity=0)
        call_command("createcachetable", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        website = settings.PUBLIC_URL or f"http://localhost:{settings.PORT}"
        self.stdout.write(
            f"{settings.REGISTRY_NAME}: {website}  mode: {settings.REGISTRY_MODE}  data: {settings.DATA_DIR}"
        )
        if key := people.first_admin_key():
            self.stdout.write("There is no admin yet. Open this link once, within a day, to become it:")
            self.stdout.write(f"  {website}{reverse('first-admin', args=[key])}")
