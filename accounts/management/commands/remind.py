"""`manage.py remind`."""

from __future__ import annotations

from accounts import reminders
from accounts.management.verbs import VerbCommand


class Command(VerbCommand):
    help = "Mail people whose tokens end in 14, 7 or 1 days, each once; the background worker does it daily."

    def do(self, options) -> None:
        self.stdout.write(f"{reminders.send()} reminders")
