"""`manage.py migrate_storage`."""

from __future__ import annotations

from django.conf import settings
from django.core.management import CommandError
from django.template.defaultfilters import filesizeformat

from accounts.management.verbs import VerbCommand
from packages import belonging, blobs, ledger, relocation, witness
from packages.management.progress import bar

SHOWN = 100


class Command(VerbCommand):
    help = (
        "Copy all tarballs from one store to another, while the registry runs, and compare each. "
        "Broken off, it goes on where it was."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument("source", nargs="?", metavar="FROM", help="where they are (STORAGE_FALLBACK_URL)")
        parser.add_argument("target", nargs="?", metavar="TO", help="where they go (STORAGE_URL)")
        parser.add_argument("--quick", action="store_true", help="do not read again what is there already")

    def do(self, options) -> None:
        source = options["source"] or settings.STORAGE_FALLBACK_URL
        target = options["target"] or settings.STORAGE_URL
        if not source:
            raise CommandError("say where the tarballs are: migrate_storage FROM TO, or STORAGE_FALLBACK_URL")
        if source == target:
            raise CommandError("FROM and TO are the same store")
        report = relocation.Moved()
        moving = relocation.move(blobs.at(source, "FROM"), blobs.at(target, "TO"), report, quick=options["quick"])
        with bar() as progress:
            for _ in progress.track(moving, total=relocation.count(), description="Copying"):
                pass
        self.stdout.write(
            f"{report.copied} tarballs copied, {filesizeformat(report.bytes)}; {report.there} were there already"
        )
        for each in report.wrong[:SHOWN]:
            self.stderr.write(each)
        if report.wrong:
            raise CommandError(f"{len(report.wrong)} tarballs are not in the new store; run it again")
        if not settings.LEDGER_URL:
            self._carry_ledger(source, target)
        belonging.mark(blobs.at(target, "TO"))
        self.stdout.write("Every version has its bytes in the new store, and they are what was published")

    def _carry_ledger(self, source: str, target: str) -> None:
        try:
            old, new = blobs.below(source, "ledger"), blobs.below(target, "ledger")
            ledger.carry(old, new)
            witness.carry(old, new)
        except OSError as error:
            raise CommandError(f"the ledger of used numbers was not copied whole: {error}; run it again") from error
