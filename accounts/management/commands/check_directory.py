"""`manage.py check_directory`."""

from __future__ import annotations

from accounts.directory import rounds
from accounts.management.verbs import VerbCommand


class Command(VerbCommand):
    help = "Look everybody up in the company's directory, as happens each day: suspend who is gone, let in who is back."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
        parser.add_argument("--everybody", action="store_true", help="also when more than half of them are gone")

    def do(self, options) -> None:
        done = rounds.go(everybody=options["everybody"], dry=options["dry_run"])
        for name in done.gone:
            self.stdout.write(f"gone: {name}")
        for name in done.back:
            self.stdout.write(f"back: {name}")
        self.stdout.write(f"{done.looked_at} looked up, {len(done.gone)} gone, {len(done.back)} back")
