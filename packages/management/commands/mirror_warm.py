"""`manage.py mirror_warm`."""

from __future__ import annotations

from django.core.management import CommandError

from accounts.actor import operator
from accounts.management.verbs import VerbCommand
from packages.management.progress import bar
from packages.stock import wanted, warming

SHOWN = 100


class Command(VerbCommand):
    help = "Fetch everything that lockfiles of npm, pnpm, yarn or bun ask for from upstream, before anybody installs."

    def add_arguments(self, parser) -> None:
        parser.add_argument("lockfiles", nargs="+", metavar="LOCKFILE", help="such as app/package-lock.json")
        parser.add_argument("--jobs", type=int, default=warming.THREADS, help="packages at a time (%(default)s)")
        parser.add_argument(
            "--host", action="append", default=[], help="links to this host mean upstream's packages, too; repeat it"
        )

    def do(self, options) -> None:
        asked = wanted.read(options["lockfiles"], options["host"])
        tell_left_out(self.stdout, asked)
        done, here, failed = 0, 0, []
        with bar() as progress:
            task = progress.add_task("Fetching", total=asked.count)
            for outcome in warming.warm(operator(), asked, max(1, min(options["jobs"], 16))):
                progress.advance(task)
                done += not outcome.failure
                here += outcome.was_here
                if outcome.failure:
                    failed.append(f"{outcome.pinned}: {outcome.failure.removeprefix(f'{outcome.pinned} ')}")
        for line in sorted(failed):
            self.stderr.write(line)
        self.stdout.write(f"{done} of {asked.count} versions are here, {here} of them were before")
        if failed:
            raise CommandError(f"{len(failed)} are not here; run this again once the reason is gone")


def tell_left_out(output, asked: wanted.Wanted) -> None:
    """Say what of some lockfiles is not fetched, and why."""
    if asked.ours:
        output.write(f"{len(asked.ours)} versions are ours, and need no fetching")
    for each in asked.elsewhere[:SHOWN]:
        output.write(f"not from a registry, left out: {each}")
    for pinned in asked.foreign[:SHOWN]:
        output.write(f"from {pinned.host}, left out: {pinned}; --host {pinned.host} takes it from upstream")
    if (more := max(0, len(asked.elsewhere) - SHOWN) + max(0, len(asked.foreign) - SHOWN)) > 0:
        output.write(f"and {more} more left out")
