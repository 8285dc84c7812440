"""`manage.py configuration`."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError

from packages import configuration, installation

MARKS = {"good": "ok", "fact": "", "warn": "look", "bad": "WRONG"}


class Command(BaseCommand):
    help = "Print the settings in force, where each came from, what this server stands on; fails when that is wrong."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("--upstream", action="store_true", help="also ask the upstream registries")

    def handle(self, *args, **options) -> None:
        rows = configuration.every()
        wide = max(len(each.name) for each in rows)
        for each in rows:
            self.stdout.write(f"{each.name:<{wide}}  {each.value or '-'}  ({each.source})")
        self.stdout.write("")
        found = installation.look(upstream=options["upstream"])
        for each in found:
            self.stdout.write(f"{MARKS[each.state]:<5}  {each.subject}: {each.says}")
        if wrong := sum(each.state == "bad" for each in found):
            raise CommandError(f"{wrong} of these have to be mended")
