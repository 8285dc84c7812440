"""`manage.py rules`."""

from __future__ import annotations

from django.utils import timezone

from accounts.actor import NOBODY
from accounts.management.verbs import VerbCommand
from packages import rules
from packages.models import MirrorVersion
from packages.rules import exceptions, sets, showing, telling
from packages.rules.values import Values
from registry_site.errors import NotFound


class Command(VerbCommand):
    help = "Show the registry's rules for upstream packages, their exceptions, and what they hold back of a package."

    def add_arguments(self, parser) -> None:
        parser.add_argument("package", nargs="?", help="a mirrored package: which of its versions are held back")

    def do(self, options) -> None:
        kept = sets.active(None)
        self.stdout.write(f"{kept}: {kept.why}" if kept else "no rules are switched on; operators do that in /admin/")
        for line in showing.in_words(Values.from_json(kept.values), of_org=False) if kept else []:
            self.stdout.write(f"  {line.rule.label}: {line.text}")
            for item in line.items:
                self.stdout.write(f"    {item}")
        for each in exceptions.live(None):
            self.stdout.write(
                f"  except {each}, up to {each.ends_at:%Y-%m-%d %H:%M} UTC ({each.owner_name}: {each.reason})"
            )
        if options["package"]:
            self._held(options["package"])

    def _held(self, name: str) -> None:
        rows = list(MirrorVersion.objects.filter(mirror__name=name, removed_at=None))
        if not rows:
            raise NotFound(f"nothing is known here of {name} upstream")
        held = rules.effective(NOBODY).held(name, rows, timezone.now())
        self.stdout.write(f"{name}: {len(held)} of {len(rows)} versions are held back")
        for number, hold in held.items():
            self.stdout.write(f"  {number}: {telling.sentence(hold)}")
