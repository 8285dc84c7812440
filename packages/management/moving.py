"""What the three commands that move packages in share: their options, their bar, and what they say at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from django.core.management import CommandError
from django.template.defaultfilters import filesizeformat

from accounts.actor import Actor, operator
from accounts.management.verbs import VerbCommand
from packages.management.progress import bar
from packages.moving import homes, people
from packages.moving.granting import Grants
from packages.moving.homes import MARK, Homes
from packages.moving.people import People
from packages.moving.running import Move, Report
from packages.moving.sources import Source
from registry_site.errors import Invalid

SHOWN = 100


class MovingCommand(VerbCommand):
    """A command that moves packages in from one source."""

    def add_arguments(self, parser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="change nothing, and say what would happen")
        holder = parser.add_mutually_exclusive_group()
        holder.add_argument("--owner", default="", metavar="USER", help="who owns what nobody here would own")
        holder.add_argument("--org", default="", metavar="ORG", help="the same, but the owners of an org do")
        parser.add_argument("--people", type=Path, metavar="FILE", help="lines of THERE HERE [E-MAIL]: who is who")
        parser.add_argument("--report", type=Path, metavar="FILE", help="write each version and its digests down (CSV)")
        say = "take what is private there and has no scope, and so is public here"
        parser.add_argument("--open-unscoped", action="store_true", help=say)

    def source(self, options: dict[str, Any]) -> Source:
        """Where the packages come from. Raises Refusal."""
        raise NotImplementedError

    def folk(self, options: dict[str, Any]) -> People:
        """Who somebody there is here."""
        return People(people.read(options["people"]) if options["people"] else {})

    def join(self, actor: Actor, folk: People, options: dict[str, Any]) -> tuple[list[str], set[str]]:
        """Let people in before their packages; gives everybody who had an account there, and who would get one."""
        return [], set()

    def do(self, options: dict[str, Any]) -> None:
        actor, source = replace(operator(), request_id=MARK), self.source(options)
        folk = self.folk(options)
        owners = homes.owners(options["owner"], options["org"])
        names = source.names()
        everyone, coming = self.join(actor, folk, options)
        places = Homes(actor, folk, owners, coming, open_unscoped=options["open_unscoped"])
        move = Move(actor, source, places, folk, Grants(actor, folk, everyone), dry_run=options["dry_run"])
        with _opened(options["report"]) as move.report.rows:
            try:
                with bar() as progress:
                    for _ in progress.track(move.run(names), total=len(names), description="Moving in"):
                        pass
            finally:
                self.after(move.report)
                self._tell(move.report, dry_run=options["dry_run"])
        if move.report.wrong:
            raise CommandError(f"{len(move.report.wrong)} things did not move; the lines above say why")

    def after(self, report: Report) -> None:
        """What there is to say of the source besides."""

    def _tell(self, report: Report, *, dry_run: bool) -> None:
        for line in report.wrong[:SHOWN]:
            self.stderr.write(line)
        if len(report.wrong) > SHOWN:
            self.stderr.write(f"and {len(report.wrong) - SHOWN} more; --report writes all of them down")
        for line in report.notes[:SHOWN]:
            self.stdout.write(f"note: {line}")
        come = report.results["would come" if dry_run else "brought in"]
        verb = "would come in" if dry_run else "came in"
        size = filesizeformat(report.bytes)
        self.stdout.write(f"{come} versions {verb}, {size}; {report.packages} packages were read")
        if report.fresh:
            levels = ", ".join(f"{count} {level}" for level, count in sorted(report.levels.items()))
            self.stdout.write(f"{report.fresh} packages are new here: {levels}")
        if report.orgs:
            self.stdout.write(f"orgs {'to be made' if dry_run else 'made'}: {', '.join(report.orgs)}")
        for result in ("here already", "left out", "refused", "damaged", "tags or warnings followed"):
            if report.results[result]:
                self.stdout.write(f"{result}: {report.results[result]}")
        if report.mirrored:
            self.stdout.write(f"mirrored there, left to our own mirror: {report.mirrored} versions")
        told = ", ".join(f"{count} by {digest}" for digest, count in sorted(report.compared.items()))
        if told:
            self.stdout.write(f"bytes compared with what the source says: {told}")


@contextmanager
def _opened(path: Path | None) -> Iterator[TextIO | None]:
    if path is None:
        yield None
        return
    try:
        file = path.open("w", newline="", encoding="utf-8")
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {error.strerror}") from error
    with file:
        yield file
