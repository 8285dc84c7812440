"""`manage.py seed_demo`."""

from __future__ import annotations

import random
import time

from django.conf import settings
from django.utils import timezone

from accounts.management.verbs import VerbCommand
from accounts.models import User
from packages.demo import catalogue, company, releases, use
from packages.demo.people import PASSWORD, everyone
from registry_site.errors import Conflict

EVERY = 60  # packages between two lines of progress


class Command(VerbCommand):
    help = "Fill an empty registry with a company that never was, to try things out: never on a registry in use."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--add", action="store_true", help="also where people have signed up already")

    def do(self, options) -> None:
        _require_a_place_to_play(add=options["add"])
        started = time.monotonic()
        settings.SPOOL_DIR.mkdir(parents=True, exist_ok=True)
        dice, now, people = random.Random(catalogue.SEED), timezone.now(), everyone()  # noqa: S311 - the same company each time # nosec B311
        plans = catalogue.draw(dice, people, now)
        self._say(f"{len(people)} people join, and three orgs with their teams ...")
        made = company.found(dice, people, now)
        company.issue_pipelines(dice, made)
        for done, count in releases.publish_all(dice, made, plans, settings.SPOOL_DIR):
            if done % EVERY == 0 or done == len(plans):
                self._say(f"{done} of {len(plans)} packages, {count} versions ...")
        releases.stage_some(made, plans, settings.SPOOL_DIR)
        self._say("Dating two years back ...")
        self._say(f"{use.download(dice, made, plans):,} downloads, stars and webhooks ...")
        use.star(dice, made, plans)
        use.hook(made)
        use.ask(made)
        company.invite(made)
        made.calendar.write()
        self._say(f"Done in {time.monotonic() - started:.0f} seconds.")
        self._say(
            f"Sign in as dana (owner of acme), mika, jo, priya or gus (who has nothing yet). Password: {PASSWORD}"
        )
        self._say("Everybody has this password: this is for trying out, on a machine that nobody else reaches.")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _require_a_place_to_play(*, add: bool) -> None:
    if settings.REGISTRY_MODE != "public" or settings.PRIVATE_PACKAGES != "everyone":
        raise Conflict("the demo needs REGISTRY_MODE=public and PRIVATE_PACKAGES=everyone; choose another DATA_DIR")
    if settings.EMAIL_URL:
        raise Conflict("this registry sends mail; unset EMAIL_URL for the demo")
    taken = User.objects.filter(username__in=[each.name for each in everyone()])
    if taken.exists():
        raise Conflict(f"{taken[0].username} is here already; the demo needs a DATA_DIR of its own")
    if not add and User.objects.exists():
        raise Conflict("people have signed up here; use an empty DATA_DIR, or --add to put the demo beside them")
