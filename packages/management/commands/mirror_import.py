"""`manage.py mirror_import`."""

from __future__ import annotations

import sys

from django.core.management import CommandError

from accounts.actor import operator
from accounts.management.verbs import VerbCommand
from packages.management.progress import bar
from packages.stock import importing
from registry_site.errors import Invalid, Malformed


class Command(VerbCommand):
    help = "Take a file of `mirror_export` into the mirror. Import only files that you trust as you trust upstream."

    def add_arguments(self, parser) -> None:
        parser.add_argument("file", help="the file, or - for standard input")

    def do(self, options) -> None:
        path, done = options["file"], importing.Imported()
        try:
            with sys.stdin.buffer if path == "-" else open(path, "rb") as source:
                reader = importing.begin(operator(), source)
                with bar() as progress:
                    steps = importing.packages(operator(), reader, done)
                    for _ in progress.track(steps, total=len(reader.packages), description="Importing"):
                        pass
        except OSError as error:
            raise Invalid(f"{path}: {error.strerror or error}") from error
        except Malformed as error:
            raise Malformed(f"{path}: {error.message}; {_counted(done)} before that") from error
        for line in done.problems:
            self.stderr.write(line)
        self.stdout.write(_counted(done))
        if done.problems:
            raise CommandError(f"{len(done.problems)} were not taken")


def _counted(done: importing.Imported) -> str:
    return f"{done.tarballs} tarballs of {done.packages} packages came in, {done.were_here} were here"
