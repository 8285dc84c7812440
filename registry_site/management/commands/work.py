"""`manage.py work`."""

from __future__ import annotations

import threading

from django.core.management import call_command
from django.core.management.base import BaseCommand

from registry_site import timetable


class Command(BaseCommand):
    help = "The background worker: sends mail and webhooks, and runs the daily jobs. `make serve` starts one."
    requires_system_checks: list[str] = []

    def handle(self, *args, **options) -> None:
        stop = threading.Event()
        threading.Thread(target=timetable.keep, args=(stop,), daemon=True).start()
        try:
            call_command("db_worker", startup_delay=False, interval=2, verbosity=options["verbosity"])
        finally:
            stop.set()
