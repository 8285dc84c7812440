"""`manage.py export_audit`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.core.management import CommandError
from django.db.models import QuerySet
from django.utils.dateparse import parse_date, parse_datetime

from accounts import extracts
from accounts.management.verbs import VerbCommand
from accounts.models import AuditEvent
from orgs.models import FormerName


class Command(VerbCommand):
    help = (
        "Write the audit log into a file, or to the standard output: in the order in which it was sealed, as lines of "
        "JSON, which verify_audit can check, or as a table. The registry may run meanwhile."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument("dest", nargs="?", default="-", metavar="DEST", help="a new file; -: standard output")
        parser.add_argument("--since", metavar="TIME", help="from then on: 2026-01-31, or 2026-01-31T08:00Z")
        parser.add_argument("--until", metavar="TIME", help="up to then: a day with all of it, a moment without it")
        parser.add_argument("--after", type=int, metavar="PLACE", help="what was sealed since an earlier export")
        parser.add_argument("--format", choices=extracts.FORMATS, default=extracts.FORMATS[0])
        parser.add_argument("--org", help="only what happened in this org, also under its former names")

    def do(self, options) -> None:
        lines = extracts.lines(extracts.in_order(_wanted(options)), options["format"])
        if options["dest"] == "-":
            for line in lines:
                self.stdout.write(line, ending="")
            return
        count = _write(Path(options["dest"]), lines) - (options["format"] == "csv")
        self.stdout.write(f"{count} events written to {options['dest']}")


def _wanted(options) -> QuerySet[AuditEvent]:
    events = AuditEvent.objects.all()
    if options["since"]:
        events = events.filter(at__gte=_moment(options["since"], timedelta(0)))
    if options["until"]:
        events = events.filter(at__lt=_moment(options["until"], timedelta(days=1)))
    if options["after"] is not None:
        events = events.filter(place__gt=options["after"])
    if options["org"]:
        name = options["org"].removeprefix("@")
        former = FormerName.objects.filter(org__scope__name=name).values_list("scope__name", flat=True)
        events = events.filter(org__in=[name, *former])
    return events


def _moment(text: str, of_a_day: timedelta) -> datetime:
    try:
        if day := parse_date(text):
            return datetime(day.year, day.month, day.day, tzinfo=UTC) + of_a_day
        at = parse_datetime(text)
    except (ValueError, OverflowError):
        at = None
    if at is None:
        raise CommandError(f"{text!r} is no time; one is like 2026-01-31, or 2026-01-31T08:00Z")
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _write(path: Path, lines: Iterable[str]) -> int:
    if path.exists():
        raise CommandError(f"{path} is there already; name a new file")
    count = 0
    try:
        # Nobody else reads it, and nobody takes half of it for all.
        handle, half = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                for line in lines:
                    count += 1
                    file.write(line)
                file.flush()
                os.fsync(file.fileno())
            os.rename(half, path)
        except BaseException:
            Path(half).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CommandError(f"{path} could not be written: {error}") from error
    return count
