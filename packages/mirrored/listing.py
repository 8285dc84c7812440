"""What the pages Versions and Activity list of a mirrored package."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Sum

from packages.downloads import Period
from packages.history import Numbered
from packages.mirrored.shelves import Shelf, amount, quarantine_of
from packages.models import DownloadCount, MirrorVersion


class State(enum.StrEnum):
    """What can be had of a version."""

    HERE = "here"
    LISTED = "listed"  # upstream has its tarball
    HELD = "held"
    QUARANTINED = "quarantined"
    REMOVED = "removed"


@dataclass(frozen=True)
class Listed:
    """A version on the list of a mirrored package.

    size: unpacked, None when nobody says. is_kept: its tarball is here. is_shown: there is a page for it.
    reason: of a hold or a quarantine. before: the next older number that is kept.
    """

    number: str
    state: State
    published_at: datetime | None
    deprecated: str
    size: int | None
    is_kept: bool
    is_shown: bool
    has_install_script: bool
    reason: str = ""
    removed_at: datetime | None = None
    weekly: int = 0
    before: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Moment:
    """Something that happened to a mirrored package; nobody of this registry is in it."""

    at: datetime
    text: str
    tone: str = ""


def numbers(shelf: Shelf, state: str = "") -> list[Numbered]:
    """Every number that is or was listed, newest first. state: one of State, or `deprecated`; "" for all."""
    return [
        Numbered(row.pk, row.number, bool(row.deprecated))
        for row in shelf.rows
        if not state or state == "deprecated" or _state(shelf, row) == state
    ]


def counts(shelf: Shelf) -> dict[State, int]:
    """How many versions are in each State."""
    counted = dict.fromkeys(State, 0)
    for row in shelf.rows:
        counted[_state(shelf, row)] += 1
    return counted


def listed(shelf: Shelf, keys: Iterable[int]) -> list[Listed]:
    """These versions in this order, with their downloads from here. keys: of MirrorVersion, as `numbers` gives."""
    by_key = {row.pk: row for row in shelf.rows}
    shown = [by_key[key] for key in keys if key in by_key]
    weekly = _weekly([row.version_id for row in shown if row.version_id])
    tags: dict[str, list[str]] = {}
    for tag in shelf.tags:
        tags.setdefault(tag.number, []).append(tag.name)
    here = [row.number for row in shelf.rows if row.version_id is not None and quarantine_of(row) is None]
    before = dict(zip(here, here[1:], strict=False))
    return [
        replace(
            _listed(shelf, row),
            weekly=weekly.get(row.version_id or 0, 0),
            before=before.get(row.number, "") if row.version_id else "",
            tags=tuple(tags.get(row.number, ())),
        )
        for row in shown
    ]


def told(shelf: Shelf) -> list[Moment]:
    """What happened upstream and here, newest first: releases, what is gone, what is in quarantine."""
    found = [Moment(shelf.package.created_at, "Mirrored here for the first time")]
    for row in shelf.rows:
        if row.published_at is not None:
            found.append(Moment(row.published_at, f"{row.number} was published upstream"))
        if row.removed_at is not None:
            found.append(Moment(row.removed_at, f"Upstream removed {row.number}", "bad"))
        if row.refused_at is not None:
            text = f"The tarball of {row.number} was not what upstream said of it, and was not kept"
            found.append(Moment(row.refused_at, text, "bad"))
        if (held := quarantine_of(row)) is not None:
            at, reason = held
            found.append(Moment(at, f"An operator put {row.number} into quarantine: {reason}", "bad"))
    return sorted(found, key=lambda moment: moment.at, reverse=True)


def _state(shelf: Shelf, row: MirrorVersion) -> State:
    if quarantine_of(row) is not None:
        return State.QUARANTINED
    if row.removed_at is not None and row.version_id is None:
        return State.REMOVED
    if row.number in shelf.holds:
        return State.HELD
    return State.LISTED if row.version_id is None else State.HERE


def _listed(shelf: Shelf, row: MirrorVersion) -> Listed:
    version, held = row.version, quarantine_of(row)
    said = shelf.manifests.get(row.number, {}).get("dist", {})
    return Listed(
        number=row.number,
        state=_state(shelf, row),
        published_at=row.published_at,
        deprecated=row.deprecated,
        size=version.unpacked_size if version and version.unpacked_size else amount(said.get("unpackedSize")),
        is_kept=version is not None,
        is_shown=held is None and (version is not None or row.number in shelf.manifests),
        has_install_script=row.has_install_script,
        reason=held[1] if held else shelf.why_held(row.number),
        removed_at=row.removed_at,
    )


def _weekly(versions: list[int]) -> dict[int, int]:
    week = Period.last(7)
    rows = DownloadCount.objects.filter(version__in=versions, day__range=(week.start, week.end)).order_by()
    return dict(rows.values_list("version").annotate(Sum("count"))) if versions else {}
