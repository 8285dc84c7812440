"""`manage.py import_registry`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from packages.management.moving import MovingCommand
from packages.moving import sources
from packages.moving.people import People
from packages.moving.remote import Remote
from packages.moving.sources import Source


class Command(MovingCommand):
    help = "Move packages in from another npm registry, also one of this product, with their times, tags and warnings."

    def add_arguments(self, parser) -> None:
        parser.add_argument("url", help="as npm has it, such as https://npm.example.com/")
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--scope", action="append", default=[], help="all of a scope, as in @acme; repeat it")
        which.add_argument("--list", type=Path, metavar="FILE", help="one name a line; # begins a comment")
        which.add_argument("--all", action="store_true", help="everything that the registry tells of")
        say = "a token that may read there; the variable SOURCE_TOKEN keeps it out of lists of processes"
        parser.add_argument("--token", default="", help=say)
        say = "of every package; else what the registry shows without a token is public, the rest private"
        parser.add_argument("--access", choices=("public", "restricted"), default="", help=say)
        say = "who has a name there has it here, too: only where both registries have the same people"
        parser.add_argument("--same-people", action="store_true", help=say)
        super().add_arguments(parser)

    def source(self, options: dict[str, Any]) -> Source:
        def wanted(remote: Remote) -> list[str]:
            if options["list"]:
                return sources.listed(options["list"])
            if options["all"]:
                return remote.everything()
            return [name for scope in options["scope"] for name in remote.in_scope(scope)]

        token = options["token"] or os.environ.get("SOURCE_TOKEN", "")
        return Remote(options["url"], token, wanted, options["access"])

    def folk(self, options: dict[str, Any]) -> People:
        return People(super().folk(options).listed, same=options["same_people"])
