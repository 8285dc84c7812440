"""`manage.py import_verdaccio`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from accounts.actor import Actor
from packages.management.moving import MovingCommand
from packages.moving import people
from packages.moving.people import People
from packages.moving.running import Report, plain
from packages.moving.sources import Source
from packages.moving.verdaccio import Storage


class Command(MovingCommand):
    help = (
        "Move a storage folder of verdaccio in: packages, people and access rules. "
        "Stop verdaccio first, or run it once more afterwards: what is here already costs nothing."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument("path", type=Path, help="the folder with storage/, or the storage folder itself")
        parser.add_argument("--config", type=Path, help="its config.yaml (looked for in PATH)")
        parser.add_argument("--htpasswd", type=Path, help="its file of users (looked for in PATH)")
        say = "accounts for people without an address in --people get NAME@DOMAIN"
        parser.add_argument("--mail-domain", default="", metavar="DOMAIN", help=say)
        parser.add_argument("--no-users", action="store_true", help="make no accounts")
        super().add_arguments(parser)

    def source(self, options: dict[str, Any]) -> Source:
        self.storage = Storage(options["path"], options["config"])
        return self.storage

    def folk(self, options: dict[str, Any]) -> People:
        return People(super().folk(options).listed, same=True)

    def join(self, actor: Actor, folk: People, options: dict[str, Any]) -> tuple[list[str], set[str]]:
        place = options["htpasswd"] or self.storage.passwords
        everyone = people.names_in(place) if place else []
        if options["no_users"] or not everyone:
            return everyone, set()
        domain, dry_run = options["mail_domain"].removeprefix("@"), options["dry_run"]
        joined = people.join(actor, folk, everyone, domain, dry_run=dry_run)
        for name, why in joined.missing.items():
            self.stderr.write(plain(f"no account for {name}: {why}; name one in --people, or say --mail-domain"))
        if joined.here:
            self.stdout.write(f"accounts that are here already, taken for the same people: {', '.join(joined.here)}")
        if joined.made:
            made = "would be made" if dry_run else "made; each person sets a password by mail (Forgot password)"
            self.stdout.write(f"accounts {made}: {', '.join(joined.made)}")
        return everyone, set(joined.made) if dry_run else set()

    def after(self, report: Report) -> None:
        if not self.storage.rules:
            report.notes.append("no config.yaml was found: every package is private, and its org says who may use it")
