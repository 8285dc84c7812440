"""`manage.py mirror_prune`."""

from __future__ import annotations

from django.template.defaultfilters import filesizeformat

from accounts.actor import operator
from accounts.management.verbs import VerbCommand
from packages.stock import pruning, tidying
from packages.stock.pruning import Limits

SHOWN = 1000


class Command(VerbCommand):
    help = "Remove mirrored tarballs over MIRROR_MAX_MB or MIRROR_MAX_DAYS, the least recently used first. Never ours."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only list what would go")
        parser.add_argument("--older-than", type=int, metavar="DAYS", help="not used for so long (MIRROR_MAX_DAYS)")
        parser.add_argument("--max-mb", type=int, metavar="N", help="keep at most so much (MIRROR_MAX_MB)")

    def do(self, options) -> None:
        limit = pruning.limits()
        days = limit.days if options["older_than"] is None else max(0, options["older_than"])
        megabytes = limit.megabytes if options["max_mb"] is None else max(0, options["max_mb"])
        found = pruning.surplus(limit := Limits(megabytes, days))
        for version, held in found.shown(SHOWN):
            self.stdout.write(f"{version}  {filesizeformat(held.size)}  last used {held.used:%d %b %Y}")
        if len(found.chosen) > SHOWN:
            self.stdout.write(f"and {len(found.chosen) - SHOWN:,} more")
        if not options["dry_run"]:
            found = pruning.prune(operator(), limit)
            gone = tidying.tidy()
            self.stdout.write(", ".join(f"{count} {what}" for what, count in gone.items()) + " tidied up")
        said = "would go" if options["dry_run"] else "removed"
        limited = "" if limit.days or limit.megabytes else "; no limit is set (MIRROR_MAX_MB, MIRROR_MAX_DAYS)"
        self.stdout.write(
            f"{len(found.chosen)} mirrored tarballs {said}, {filesizeformat(found.size)};"
            f" {filesizeformat(found.kept)} stay{limited}"
        )
