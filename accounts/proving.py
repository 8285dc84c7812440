"""Whether the chain of the audit log holds: which events were changed, removed, put in or moved since their seal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from accounts import audit, chain
from accounts.chain import Head
from accounts.models import AuditEvent, AuditSeal

PIECE = 1000
LATE = timedelta(hours=1)  # between an event and a seal that was made before it came into the chain
_CHANGED = "is not what was sealed: it was changed, put in, or moved"


class Broken(NamedTuple):
    """Something that does not hold. place: in the chain, 0 where it is about none."""

    place: int
    says: str


class Noted(NamedTuple):
    """A head that was written down outside the database, and when."""

    at: datetime
    place: int
    link: str


@dataclass
class Report:
    """What was looked at besides what is broken.

    first: the place of the first event that is kept. waiting: events that are not sealed yet. held: heads from outside
    that the chain has. odd: what an operator should know, and may have an innocent reason.
    """

    first: int = 1
    last: Head = Head(0, chain.BEGINNING)
    events: int = 0
    waiting: int = 0
    held: int = 0
    odd: list[str] = field(default_factory=list)


def look(
    report: Report, noted: Iterable[Noted] = (), tell: Callable[[int], None] = lambda count: None
) -> Iterator[Broken]:
    """Everything in the chain that does not hold, in its order; events may be written and sealed meanwhile.

    report: is filled. noted: heads from outside the database. tell: hears how many events were read.
    """
    begin = chain.start()
    outside = _Outside(noted)
    outside.meet(report, begin)
    report.first, report.last = begin.place + 1, begin
    sealed_at = None
    for event, seal in _events(begin.place, tell):
        yield from _step(report.last, event, seal)
        if sealed_at is not None and event.at < sealed_at - LATE:
            says = f"{_name(event)} came into the chain after {chain.moment(sealed_at)[:16]}: it was put in later, "
            report.odd.append(says + "or the clock of its host was wrong")
        sealed_at = seal.at if seal else sealed_at
        report.events, report.last = report.events + 1, Head(event.place, event.link)
        outside.meet(report, report.last)
    if begin.place and not AuditEvent.objects.filter(action=chain.PRUNED, facts__place=begin.place).exists():
        says = f"the events up to {begin.place} are gone, and no event says that they were forgotten"
        yield Broken(begin.place, says)
    yield from _end(report.last)
    yield from outside.strange(report)
    report.waiting = AuditEvent.objects.filter(place=None).count()


def read(lines: Iterable[str], report: Report) -> Iterator[Broken]:
    """The same of an export: lines of JSON, all events from some place on. Raises ValueError for what is none.

    Its first and its last link are compared with this registry's, where it still knows them.
    """
    before = Head(-1, "")
    unsealed: dict[Any, tuple[int, dict[str, Any]]] = {}  # lines of events that had no place yet, by event
    last_sealed = 0
    for number, line in enumerate(lines, 1):
        said, stored = _parsed(line, number)
        place = said["place"]
        if not stored:
            unsealed[said["id"]] = number, said
            if place is not None:
                yield Broken(before.place + 1, f"line {number} says event {place}, and has no link")
            continue
        earlier, was = unsealed.pop(said["id"], (0, {}))  # another export ended with it
        if earlier and said | {"place": None} != was:
            yield Broken(place, f"line {earlier} says something else of event {place} than line {number}")
        last_sealed = number
        if before.place < 0:
            report.first, before = place, Head(place - 1, _known(place - 1))
        if place != before.place + 1:
            yield Broken(before.place + 1, _missing(before.place + 1, place - 1))
        elif before.link and chain.link(before.link, said) != stored:
            yield Broken(place, f"line {number}, event {place}, {_CHANGED}")
        before = Head(place, stored)
        report.events, report.last = report.events + 1, before
    report.waiting = len(unsealed)
    for number, _ in unsealed.values():
        if number < last_sealed:
            yield Broken(before.place, f"line {number} is in no chain, and sealed events come behind it")
    if report.events and _known(before.place) not in ("", before.link):
        yield Broken(before.place, f"this registry has another link at {before.place}, where the export ends")


class _Outside:
    """Heads from outside that the walk along the chain meets, and those that it does not."""

    def __init__(self, noted: Iterable[Noted]) -> None:
        self.left: dict[int, set[Noted]] = {}
        for each in noted:
            self.left.setdefault(each.place, set()).add(each)
        self.other: list[Noted] = []

    def meet(self, report: Report, head: Head) -> None:
        for each in self.left.pop(head.place, ()):
            if each.link == head.link:
                report.held += 1
            else:
                self.other.append(each)

    def strange(self, report: Report) -> Iterator[Broken]:
        known = [each for place, found in self.left.items() if place >= report.first for each in found]
        last = audit.last(audit.RESTORED)
        found = sorted(self.other + known, key=lambda each: (each.place, each.at))
        lost = [each for each in found if last is not None and each.at < last]
        if lost:
            says = "the registry was restored from a backup, and what happened after the backup is not in this log"
            report.odd.append(f"{says}; heads of then: {len(lost)}")
        for each in found:
            if each not in lost:
                says = f"on {chain.moment(each.at)[:16]} it had a link at {each.place} that it has no more"
                yield Broken(each.place, says)


def _events(place: int, tell: Callable[[int], None]) -> Iterator[tuple[AuditEvent, AuditSeal | None]]:
    while found := list(AuditEvent.objects.filter(place__gt=place).order_by("place")[:PIECE]):
        seals = AuditSeal.objects.filter(place__gt=place, place__lte=found[-1].place)
        by_place = {seal.place: seal for seal in seals}
        yield from ((event, by_place.get(event.place)) for event in found)
        tell(len(found))
        place = found[-1].place


def _step(before: Head, event: AuditEvent, seal: AuditSeal | None) -> Iterator[Broken]:
    if event.place != before.place + 1:
        if chain.start().place < event.place - 1:  # else they were forgotten while this looked
            yield Broken(before.place + 1, _missing(before.place + 1, event.place - 1))
    elif chain.link(before.link, chain.words(event)) != event.link:
        yield Broken(event.place, f"{_name(event)} {_CHANGED}")
    if seal is not None and seal.link != event.link:
        yield Broken(event.place, f"{_name(event)} is not the one of its seal: the chain was written anew")


def _end(last: Head) -> Iterator[Broken]:
    end = chain.head()
    if end.place > last.place and not AuditEvent.objects.filter(place=end.place).exists():
        yield Broken(last.place + 1, f"{_missing(last.place + 1, end.place)}, which were the last")
    elif end.place < last.place:
        yield Broken(end.place + 1, f"no seal is about the events from {end.place + 1} on: it was removed")


def _missing(first: int, last: int) -> str:
    return f"event {first} was removed" if first >= last else f"the events {first} to {last} were removed"


def _name(event: AuditEvent) -> str:
    return f"event {event.place} ({event.action}, {chain.moment(event.at)[:19]})"


def _known(place: int) -> str:
    if place == 0:
        return chain.BEGINNING
    found = AuditSeal.objects.filter(place=place).values_list("link", flat=True).first()
    return found or AuditEvent.objects.filter(place=place).values_list("link", flat=True).first() or ""


def _parsed(line: str, number: int) -> tuple[dict[str, Any], str]:
    try:
        said = json.loads(line)
        stored = said.pop("link")
        if not isinstance(stored, str) or (stored and not isinstance(said["place"], int)):
            raise TypeError
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"line {number} is no line of export_audit --format jsonl") from error
    return said, stored
