"""A whole move: every package of a source, one after another, and what came of it, version by version.

source -> found -> home -> plan -> arrival -> read back -> report
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TextIO

from accounts.actor import Actor
from packages import blobs
from packages.moving import planning
from packages.moving.arriving import Arrival, Arrived
from packages.moving.granting import Grants
from packages.moving.homes import Home, Homes, Kind
from packages.moving.people import People
from packages.moving.planning import Plan
from packages.moving.sources import Found, Source, Told
from packages.upstream.reading import digest_of
from registry_site import sheets
from registry_site.errors import NotAllowed, Refusal, Unavailable

MOST_FAILURES = 10  # packages one after another that the source, or the store, did not give
MAX_LINE = 1_000
COLUMNS = ("package", "version", "result", "bytes", "compared with", "there", "here", "why")


@dataclass
class Report:
    """How a move went, or would go. results: of versions; compared: by which digest; wrong, notes: sentences.

    bytes: of the tarballs; in a dry run of a source elsewhere of what is in them, as far as the source says.

    rows: where each version is written down, one line each; None for nowhere.
    """

    packages: int = 0
    fresh: int = 0
    orgs: dict[str, None] = field(default_factory=dict)
    bytes: int = 0
    results: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    mirrored: int = 0
    levels: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rows: TextIO | None = None

    def write(self, found: Found, told: Told, result: str, *, size: int = 0, here: str = "", why: str = "") -> None:
        """Count a version, and write it down."""
        self.results[result] += 1
        if why:
            line = plain(f"{found.name}@{told.number}: {why}")
            (self.notes if result in ("brought in", "would come") else self.wrong).append(line)
        there = told.integrity or told.shasum
        self._row(found.name.full, told.number, result, size, told.digest, there, here, why)

    def refuse(self, name: str, number: str, why: str) -> None:
        """Write down what was not even a version, or a whole package with no number."""
        self.results["refused"] += bool(number)
        self.wrong.append(plain(f"{name}{'@' if number else ''}{number}: {why}"))
        self._row(name, number, "refused", 0, "", "", "", why)

    def _row(self, *cells: str | int) -> None:
        if self.rows is None:
            return
        writer = csv.writer(self.rows)
        if not self.rows.tell():
            writer.writerow(COLUMNS)
        writer.writerow([plain(sheets.safe(each)) for each in cells])


class Move:
    """One run. dry_run: nothing is changed; of a source on this machine every byte is looked into all the same."""

    def __init__(
        self, actor: Actor, source: Source, homes: Homes, folk: People, grants: Grants, *, dry_run: bool = False
    ) -> None:
        if actor.credential != "operator":
            raise NotAllowed("only operators of this registry do this, with manage.py")
        self.source, self.dry_run, self.report = source, dry_run, Report()
        self._homes, self._grants = homes, grants
        self._arrival = Arrival(actor, source, folk, homes, grants)

    def run(self, names: list[str]) -> Iterator[str]:
        """Move these packages; gives each name, done. What is refused is in the report, and the rest goes on.

        Raises Unavailable when nothing goes any more; run again it goes on where it was.
        """
        failures = 0
        for name in names:
            try:
                self._package(name)
                failures = 0
            except Unavailable as refusal:
                failures += 1
                self.report.refuse(name, "", refusal.message)
                if failures == MOST_FAILURES:
                    raise Unavailable(f"{refusal.message}; run it again later, it goes on where it was") from refusal
            except Refusal as refusal:
                self.report.refuse(name, "", refusal.message)
            yield name
        self.report.notes += map(plain, self._grants.notes)

    def _package(self, name: str) -> None:
        found = self.source.package(name)
        report = self.report
        report.packages += 1
        report.mirrored += found.mirrored
        for number, why in found.left.items():
            report.refuse(name, number, why)
        if not found.versions:
            return
        home = self._homes.of(found)
        plan = planning.plan(found)
        self._tell_of_ours(found, plan)
        result = "would come" if self.dry_run else "brought in"
        before = report.results[result]
        for arrived in self._would_come(found, plan) if self.dry_run else self._arrival.bring(found, plan, home):
            self._tell(found, arrived, result)
        if plan.package is None and report.results[result] > before:
            self._tell_of_new(found, home)
        if not self.dry_run and self._arrival.settle(found):
            report.results["tags or warnings followed"] += 1

    def _tell_of_new(self, found: Found, home: Home) -> None:
        self.report.fresh += 1
        self.report.levels[found.level] += 1
        if home.kind == Kind.NEW_ORG:
            self.report.orgs[home.scope] = None
        if self.dry_run:
            self._grants.prepare(found, home, dry_run=True)

    def _tell_of_ours(self, found: Found, plan: Plan) -> None:
        for told, row in plan.here:
            self.report.compared[told.digest or "nothing"] += 1
            self.report.write(found, told, "here already", size=row.size, here=row.integrity)
        for told in found.versions:
            if told.number in plan.conflicts:
                self.report.write(found, told, "left out", why=plan.conflicts[told.number])

    def _would_come(self, found: Found, plan: Plan) -> Iterator[Arrived]:
        for told in plan.wanted:
            yield self._arrival.look(found, told) if self.source.is_near else Arrived(told, told.unpacked or 0)

    def _tell(self, found: Found, arrived: Arrived, result: str) -> None:
        told, report = arrived.told, self.report
        if arrived.why:
            report.write(found, told, "refused", why=arrived.why)
            return
        report.bytes += arrived.size
        if arrived.blob and (lacking := _read_back(arrived)):
            report.write(found, told, "damaged", size=arrived.size, here=arrived.integrity, why=lacking)
            return
        if arrived.integrity:
            report.compared[told.digest or "nothing"] += 1
        why = ""
        if arrived.differs:
            why = f"its package.json says other {arrived.differs} than the source; what is in the tarball holds"
        report.write(found, told, result, size=arrived.size, here=arrived.integrity, why=why)


def plain(text: str) -> str:
    """What a source says, so that it does nothing to a terminal."""
    return "".join(each if each.isprintable() else "?" for each in text[:MAX_LINE])


def _read_back(arrived: Arrived) -> str:
    said = digest_of(arrived.integrity)
    try:
        with blobs.open_blob(arrived.blob, arrived.size) as body:
            digest = hashlib.file_digest(body, "sha512").digest()
    except (Refusal, OSError) as error:
        return f"it cannot be read back from the store: {error}"
    return "" if said and digest == said[1] else "the store has other bytes than it was given"
