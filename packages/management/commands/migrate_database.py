"""`manage.py migrate_database`."""

from __future__ import annotations

import os

from django.core.management import CommandError

from accounts.management.verbs import VerbCommand
from packages.management import rows
from packages.management.progress import bar


class Command(VerbCommand):
    help = (
        "Copy everything into an empty database of another kind, as from SQLite to PostgreSQL, and compare it there. "
        "Stop the registry first: while this runs nothing can be changed, and what is changed afterwards stays behind. "
        "Broken off, it leaves nothing, and can be started again."
    )

    def add_arguments(self, parser) -> None:
        say = "as for DATABASE_URL; the variable TARGET_DATABASE_URL keeps a password out of lists of processes"
        parser.add_argument("--to", metavar="URL", help=say)

    def do(self, options) -> None:
        url = options["to"] or os.environ.get("TARGET_DATABASE_URL", "")
        if not url:
            raise CommandError("say where to: --to postgres://user:password@host/name")
        try:
            rows.connect(url)
            rows.require_ready()
            rows.make_tables(url)
            with bar() as progress:
                task = progress.add_task("Copying", total=2 * rows.count())
                done = rows.copy(lambda table, count: progress.update(task, advance=count, description=table))
        except rows.CannotCopy as error:
            raise CommandError(str(error)) from error
        finally:
            rows.disconnect()
        for table, copied in sorted(done.items()):
            if copied.rows and options["verbosity"] > 1:
                self.stdout.write(f"{table}: {copied.rows}")
        total = sum(copied.rows for copied in done.values())
        self.stdout.write(
            f"{total} rows of {len(done)} tables are there, and the same. Start the registry with this DATABASE_URL"
        )
