"""`manage.py verify_audit`."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from itertools import chain as joined

from django.core.management import CommandError
from django.utils import timezone

from accounts import chain
from accounts.management.verbs import VerbCommand
from accounts.proving import Broken, Noted, Report, look, read
from packages import witness
from packages.management.progress import bar

SHOWN = 20


class Command(VerbCommand):
    help = (
        "Look whether the audit log is as it was sealed: nothing changed, removed, put in or moved. "
        "Ends with an error, and says the first, when something was."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument("files", nargs="*", metavar="FILE", help="exports (jsonl), one after the other, instead")
        parser.add_argument(
            "--head", action="append", default=[], metavar="PLACE:LINK", help="one that you wrote down yourself"
        )

    def do(self, options) -> None:
        report = Report()
        broken = self._read(options["files"], report) if options["files"] else self._look(options["head"], report)
        for each in report.odd[:SHOWN]:
            self.stdout.write(f"note: {each}")
        for one in broken[:SHOWN]:
            self.stdout.write(one.says)
        place, link = report.last
        if broken:
            raise CommandError(f"{len(broken)} things do not hold; the first is at {broken[0].place}")
        waiting = f", {report.waiting} not sealed yet" if report.waiting else ""
        held = f"; {report.held} heads written down elsewhere agree" if report.held else ""
        self.stdout.write(f"{report.events} events hold, from {report.first} to {place}{waiting}{held}")
        self.stdout.write(f"head: {place}:{link}")

    def _look(self, words: list[str], report: Report) -> list[Broken]:
        noted = [_head(each) for each in words]
        try:
            noted += witness.heads()
        except (OSError, ValueError) as error:
            raise CommandError(f"the heads beside the ledger cannot be read: {error}") from error
        with bar() as progress:
            task = progress.add_task("Reading", total=chain.head().place)
            return list(look(report, noted, lambda count: progress.update(task, advance=count)))

    def _read(self, files: list[str], report: Report) -> list[Broken]:
        try:
            with ExitStack() as stack:
                lines: Iterable[str] = joined.from_iterable(
                    stack.enter_context(open(name, encoding="utf-8")) for name in files
                )
                return list(read(lines, report))
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from error


def _head(text: str) -> Noted:
    place, colon, link = text.partition(":")
    if not (colon and place.isascii() and place.isdigit() and len(link) == len(chain.BEGINNING)):
        raise CommandError(f"{text!r} is no head; one is like 1234:{'0' * 8}…, as verify_audit prints it")
    return Noted(timezone.now(), int(place), link)
