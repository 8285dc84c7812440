"""`manage.py mirror_export`."""

from __future__ import annotations

from pathlib import Path

from django.core.management import CommandError
from django.template.defaultfilters import filesizeformat

from accounts.management.verbs import VerbCommand
from packages.management.commands.mirror_warm import tell_left_out
from packages.management.progress import bar
from packages.stock import exporting, wanted

SHOWN = 100


class Command(VerbCommand):
    help = "Write mirrored packages into one file, for `mirror_import` on a machine without a network."

    def add_arguments(self, parser) -> None:
        parser.add_argument("file", type=Path, help="the file to write")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--lockfile", nargs="+", action="extend", metavar="L", help="what these lockfiles ask for")
        what.add_argument("--all", action="store_true", help="every mirrored tarball")
        parser.add_argument("--host", action="append", default=[], help="as for mirror_warm")

    def do(self, options) -> None:
        if options["all"]:
            names = exporting.everything()
        else:
            asked = wanted.read(options["lockfile"], options["host"])
            tell_left_out(self.stdout, asked)
            names = exporting.chosen(asked)
        with bar() as progress:
            task = progress.add_task("Writing", total=len(names))
            written = exporting.export(names, options["file"], lambda: progress.advance(task))
        for each in written.left_out[:SHOWN]:
            self.stdout.write(f"left out, in quarantine here or not upstream any more: {each}")
        self.stdout.write(
            f"{written.packages} packages with {written.tarballs} tarballs, {filesizeformat(written.size)},"
            f" are in {options['file']}"
        )
        if written.left_out and not options["all"]:
            raise CommandError(f"{len(written.left_out)} versions that the lockfiles ask for are not in it")
