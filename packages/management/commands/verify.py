"""`manage.py verify`."""

from __future__ import annotations

from django.core.management import CommandError

from accounts.actor import operator
from accounts.management.verbs import VerbCommand
from packages import verification
from packages.management.progress import bar


class Command(VerbCommand):
    help = (
        "Look whether everything is as it has to be: each version has its bytes, tags, numbers, owners, names, and "
        "documents say what rows say, those of mirrored packages what upstream first said. The registry may run "
        "meanwhile. Ends with an error when something is wrong."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument("--quick", action="store_true", help="do not read tarballs, only ask for their lengths")
        parser.add_argument("--documents", type=int, default=1000, help="how many to make anew and compare (1000)")
        parser.add_argument("--all", action="store_true", help="compare all documents")
        parser.add_argument("--mend", action="store_true", help="remove wrong documents, write missing numbers down")

    def do(self, options) -> None:
        sample = None if options["all"] else options["documents"]
        wrong = 0
        try:
            if options["mend"]:
                removed, written = verification.mend(operator(), sample=sample)
                self.stdout.write(f"{removed} documents removed, {written} numbers written down")
            with bar() as progress:
                task = progress.add_task("Looking", total=None)
                found = verification.look(
                    lambda count: progress.update(task, advance=count), quick=options["quick"], sample=sample
                )
                for each in found:
                    wrong += 1
                    self.stdout.write(str(each))
        except OSError as error:
            raise CommandError(f"the storage does not answer, so this is not all: {error}") from error
        if wrong:
            raise CommandError(f"{wrong} things are wrong")
        self.stdout.write("Everything is as it has to be")
