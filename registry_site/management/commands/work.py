"""`manage.py work`."""

from __future__ import annotations

import os
import signal
import threading

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from registry_site import spool, timetable

LOOK_SECONDS = 1


class Command(BaseCommand):
    help = "The background worker: sends mail and webhooks, and runs the daily jobs. `make serve` starts one."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("--beside", type=int, metavar="PID", help="end together with the server that started this")

    def handle(self, *args, **options) -> None:
        stop = threading.Event()
        if options["beside"]:
            threading.Thread(target=_end_with, args=(options["beside"], stop), daemon=True).start()
        spool.clear(settings.SPOOL_DIR)  # of a host of its own: the daily job that sweeps runs on one of them
        threading.Thread(target=timetable.keep, args=(stop,), daemon=True).start()
        try:
            call_command("db_worker", startup_delay=False, interval=2, verbosity=options["verbosity"])
        finally:
            stop.set()


def _end_with(parent: int, stop: threading.Event) -> None:
    # A server that was killed stops nobody, and the next one starts a worker of its own.
    while not stop.wait(LOOK_SECONDS):
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)
            return
