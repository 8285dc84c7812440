"""`manage.py read_only`: let nothing change for a while, on all hosts; or again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.core.management.base import CommandError
from django.utils import timezone

from accounts import standstill
from accounts.actor import operator
from accounts.management.verbs import VerbCommand


class Command(VerbCommand):
    help = "Refuse every change for a while, on all hosts from their next request on; reading goes on."

    def add_arguments(self, parser) -> None:
        parser.add_argument("do", choices=["on", "off", "status"])
        parser.add_argument("--reason", default="", help="why, for everybody who is refused; needed for `on`")
        parser.add_argument("--until", default="", help="when it ends by itself: 2026-05-04T18:00 (UTC), or 90m, 2h")

    def do(self, options) -> None:
        if options["do"] == "on":
            standstill.begin(operator(), options["reason"], _moment(options["until"]))
        elif options["do"] == "off":
            standstill.end(operator())
        found = standstill.current()
        self.stdout.write(f"{found.sentence}." if found else "Changes are taken.")


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    if text[:-1].isdecimal() and text[-1] in "mh":
        return timezone.now() + timedelta(minutes=int(text[:-1]) * (60 if text[-1] == "h" else 1))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError("--until is like 2026-05-04T18:00 (UTC), 90m or 2h") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
