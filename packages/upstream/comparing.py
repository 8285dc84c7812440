"""What is new in what upstream says now, beside what it ever said (pure: rows come in, and go out unsaved)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.utils import timezone

from packages.models import Mirror, MirrorAlert, MirrorVersion
from packages.upstream import reading
from packages.upstream.reading import Listed, Read

Kind = MirrorAlert.Kind
FACTS = ("tarball", "published_at", "deprecated", "license", "has_install_script", "signatures")
COLUMNS = ("integrity", "shasum", "removed_at", *FACTS)  # what may change in a row


@dataclass
class News:
    """Rows of versions to be made and to be saved, and what operators are to be told: kind, number, sentence."""

    fresh: list[MirrorVersion] = field(default_factory=list)
    changed: list[MirrorVersion] = field(default_factory=list)
    told: list[tuple[str, str, str]] = field(default_factory=list)


def news(mirror: Mirror, rows: Iterable[MirrorVersion], read: Read) -> News:
    """Compare all rows of a mirror with what was read. The first word about a version's bytes counts for ever, so
    that `read.document` has it afterwards, too.
    """
    found, known = News(), {row.number: row for row in rows}
    for number, listed in read.versions.items():
        if number not in known:
            found.fresh.append(_new(mirror, listed))
        elif _take(known[number], listed, read, found):
            found.changed.append(known[number])
    for number, row in known.items():
        if number not in read.versions and row.removed_at is None:
            row.removed_at = timezone.now()
            found.changed.append(row)
            found.told.append((Kind.REMOVED, number, f"upstream removed {mirror.name}@{number}"))
    return found


def _new(mirror: Mirror, listed: Listed) -> MirrorVersion:
    facts = {name: getattr(listed, name) for name in FACTS}
    return MirrorVersion(mirror=mirror, number=listed.number, integrity=listed.integrity, shasum=listed.shasum, **facts)


def _take(known: MirrorVersion, listed: Listed, read: Read, found: News) -> bool:
    before = [getattr(known, column) for column in COLUMNS]
    known.removed_at = None
    for name in FACTS:
        if not _counts(name, known, listed, read):
            continue
        setattr(known, name, getattr(listed, name))
    if _differs(known, listed):
        text = f"upstream says other bytes of {read.name}@{known.number} than it first did; the first ones count"
        found.told.append((Kind.CHANGED, known.number, text))
    elif listed.integrity and not known.integrity:
        known.integrity = listed.integrity
    dist = read.document["versions"][known.number]["dist"]
    dist |= {name: value for name in ("integrity", "shasum") if (value := getattr(known, name))}
    return before != [getattr(known, column) for column in COLUMNS]


def _counts(name: str, known: MirrorVersion, listed: Listed, read: Read) -> bool:
    if name == "published_at":  # the first word counts; nobody makes a version older afterwards
        return known.published_at is None
    if name == "signatures":  # rows that are older than the column stay as they are: all at once would take long
        return known.signatures is not None
    return name != "license" or read.is_full or bool(listed.license)  # short documents say nothing of it


def _differs(known: MirrorVersion, listed: Listed) -> bool:
    here, there = reading.digest_of(known.integrity), reading.digest_of(listed.integrity)
    if here and there and here[0] == there[0]:
        return here[1] != there[1]
    return bool(known.shasum and listed.shasum and known.shasum != listed.shasum)
