"""What the versions of a package add to its documents: by runs, in the order they were published.

What a full run adds is kept compressed, and used again while the fingerprint of the run's rows is the same, so that
one more version costs what one run costs.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from packages.models import BASE_MARK, Document, DocumentPart, Package, Version
from packages.packuments.deflating import Fragment, fragment, restored
from packages.packuments.parts import with_deprecation
from registry_site.moments import iso

RUN = 64  # versions; the last run, which is not full yet, is made anew for each document
FORMAT = 1  # another one whenever the same rows give other parts
TOGETHER = 4  # runs whose rows are in memory at once
_SHOWN = "pk stamp number full abbreviated deprecated published_at unpublished_at quarantined_at".split()
_STORED = ["fingerprint", "full", "abbreviated", "times"]

Run = list[tuple[int, int | None]]  # the key and the stamp of each version


@dataclass(frozen=True)
class Part:
    """What a run adds to a document: to each form its versions, and to both when they were published."""

    fingerprint: bytes
    full: Fragment
    abbreviated: Fragment
    times: Fragment


@dataclass(frozen=True)
class Parts:
    """What all runs add, in their order. fresh: by place, those that `keep` should store."""

    every: list[Part]
    fresh: dict[int, Part]


def read(package: Package, base: str, *, anew: bool = False) -> Parts:
    """The parts of a package's document under an address: those that are kept, and the others made from their rows.

    What is read of versions that did not change is in one index; the queries are as many however many those are.
    anew: make all of them from their rows.
    """
    in_order = list(package.versions.order_by("published_at", "pk").values_list("pk", "stamp"))
    runs = [in_order[start : start + RUN] for start in range(0, len(in_order), RUN)]
    found = {
        place: part
        for place, part in ([] if anew else _kept(package, base))
        if place < len(runs) and part.fingerprint == _fingerprint(runs[place])
    }
    made = dict(_made({place: run for place, run in enumerate(runs) if place not in found}, base))
    found |= made
    fresh = {place: part for place, part in made.items() if len(runs[place]) == RUN}
    return Parts([found[place] for place in range(len(runs))], fresh)


def keep(document: Document, parts: Parts) -> None:
    """Store the parts that are fresh, for the next document of this package and address; inside a transaction."""
    rows = [
        DocumentPart(
            document=document,
            place=place,
            fingerprint=part.fingerprint,
            full=part.full.stored(),
            abbreviated=part.abbreviated.stored(),
            times=part.times.stored(),
        )
        for place, part in parts.fresh.items()
    ]
    DocumentPart.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["document", "place"], update_fields=_STORED
    )


def _kept(package: Package, base: str) -> Iterator[tuple[int, Part]]:
    rows = DocumentPart.objects.filter(document__package=package, document__base=base)
    for place, fingerprint, *fragments in rows.values_list("place", *_STORED):
        yield place, Part(bytes(fingerprint), *(restored(bytes(each)) for each in fragments))


def _made(runs: dict[int, Run], base: str) -> Iterator[tuple[int, Part]]:
    wanted = list(runs.items())
    for start in range(0, len(wanted), TOGETHER):
        some = wanted[start : start + TOGETHER]
        keys = [pk for _, run in some for pk, _ in run]
        rows = {row[0]: row for row in Version.objects.filter(pk__in=keys).order_by().values_list(*_SHOWN)}
        for place, run in some:
            yield place, _part([rows[pk] for pk, _ in run if pk in rows], base)


def _part(rows: list[tuple], base: str) -> Part:
    listed = [row[2:7] for row in rows if row[7] is None and row[8] is None]
    return Part(
        _fingerprint([row[:2] for row in rows]),  # of what was read with the texts, which may be newer than the list
        fragment(_entries([(number, whole, note) for number, whole, _, note, _ in listed], base)),
        fragment(_entries([(number, short, note) for number, _, short, note, _ in listed], base)),
        fragment(b",%s:%s" % (orjson.dumps(number), orjson.dumps(iso(at))) for number, _, _, _, at in listed),
    )


def _entries(versions: list[tuple[str, str, str]], base: str) -> Iterator[bytes]:
    for place, (number, part, note) in enumerate(versions):
        text = with_deprecation(part, note).replace(BASE_MARK, base)
        yield b"%s%s:%s" % (b"," if place else b"", orjson.dumps(number), text.encode())


def _fingerprint(run: Run) -> bytes:
    numbers = [-1 if number is None else number for pair in run for number in pair]
    return hashlib.blake2b(struct.pack(f"<{len(numbers) + 1}q", FORMAT, *numbers), digest_size=16).digest()
