"""`manage.py import_tarballs`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from packages.management.moving import MovingCommand
from packages.moving.loose import Folder
from packages.moving.running import Report
from packages.moving.sources import Source


class Command(MovingCommand):
    help = "Move a folder of .tgz files in; each says its name and version, and its date is when it was published."

    def add_arguments(self, parser) -> None:
        parser.add_argument("folder", type=Path, help="looked through with the folders in it")
        say = "the level of new packages (%(default)s)"
        parser.add_argument("--access", choices=("public", "restricted"), default="restricted", help=say)
        super().add_arguments(parser)

    def source(self, options: dict[str, Any]) -> Source:
        self.folder = Folder(options["folder"], options["access"])
        return self.folder

    def after(self, report: Report) -> None:
        for place, why in self.folder.unreadable.items():
            report.refuse(place, "", why)
