"""What differs between two versions, and what of it somebody who releases one should look at (pure)."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from packages.manifests import INSTALL_SCRIPTS
from packages.tarballs import File

INSTALLED = ("dependencies", "optionalDependencies", "peerDependencies")
LEGAL = {"license": "The licence changed", "repository": "It comes from another repository"}
DEMANDS = {"engines": "engines", "os": "operating systems", "cpu": "processors", "libc": "C libraries"}
MUCH = 256 * 1024  # bytes of growth below which a size says nothing
MAX_SHOWN = 300

_ELSEWHERE = re.compile(r"[:/\\]|\.(?:tgz|tar|tar\.gz)$", re.IGNORECASE)


class Weight(enum.StrEnum):
    WARNING = "warning"  # what an attack on a package looks like, and a careful person looks at
    NOTE = "note"


class Kind(enum.StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True)
class Side:
    """One of two versions, as far as it is compared without its files.

    manifest: as it is served. publisher: who uploaded it. has_provenance: whether it says where it was built.
    """

    manifest: dict[str, Any]
    unpacked_size: int
    file_count: int
    publisher: str
    has_provenance: bool


@dataclass(frozen=True)
class Finding:
    """One thing that differs: a sentence, and its lines, such as `postinstall: node x.js`."""

    weight: Weight
    title: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class FileChange:
    """A file that differs. before, after: its size in bytes there, None where it is not."""

    path: str
    kind: Kind
    before: int | None
    after: int | None


def files(before: Mapping[str, File], after: Mapping[str, File]) -> list[FileChange]:
    """The files that differ in their bytes, by path; what differs in its mode only is the same."""
    changes = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old is None and new is not None:
            changes.append(FileChange(path, Kind.ADDED, None, new.size))
        elif new is None and old is not None:
            changes.append(FileChange(path, Kind.REMOVED, old.size, None))
        elif old is not None and new is not None and old.digest != new.digest:
            changes.append(FileChange(path, Kind.CHANGED, old.size, new.size))
    return changes


def findings(before: Side | None, after: Side) -> list[Finding]:
    """What somebody who releases `after` should know, the warnings first.

    before: what is installed today; None for a first version, of which only what runs by itself is a warning.
    """
    old, new = before.manifest if before else {}, after.manifest
    told = [*_bins(old, new), *_dependencies(old, new), *_demands(old, new)]
    if before is None:
        told = [replace(each, weight=Weight.NOTE) for each in told]
    else:
        told += [*_legal(old, new), *_origin(before, after), *_growth(before, after)]
    told = [*_scripts(old, new), *told]
    return sorted(told, key=lambda each: each.weight != Weight.WARNING)


def _scripts(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Finding]:
    was, now = (
        {name: text for name, text in _texts(side, "scripts").items() if name in INSTALL_SCRIPTS} for side in (old, new)
    )
    added, removed, changed = _moved(was, now)
    if added:
        yield Finding(Weight.WARNING, "Runs something new when it is installed", _pairs(now, added))
    if changed:
        lines = tuple(f"{name}: {_short(was[name])} → {_short(now[name])}" for name in changed)
        yield Finding(Weight.WARNING, "Runs something else when it is installed", lines)
    if removed:
        yield Finding(Weight.NOTE, "No longer runs when it is installed", _pairs(was, removed))


def _bins(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Finding]:
    was, now = _texts(old, "bin"), _texts(new, "bin")
    added, removed, changed = _moved(was, now)
    if added:
        yield Finding(Weight.WARNING, "Brings new commands", _pairs(now, added))
    if changed:
        lines = tuple(f"{name}: {_short(was[name])} → {_short(now[name])}" for name in changed)
        yield Finding(Weight.WARNING, "Commands run another file", lines)
    if removed:
        yield Finding(Weight.NOTE, "Takes commands away", _pairs(was, removed))


def _dependencies(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Finding]:
    for field in INSTALLED:
        was, now = _texts(old, field), _texts(new, field)
        added, removed, changed = _moved(was, now)
        label = {"optionalDependencies": "optional ", "peerDependencies": "peer "}.get(field, "")
        if added:
            yield Finding(Weight.WARNING, f"New {label}dependencies", _pairs(now, added))
        elsewhere = [name for name in changed if not _is_range(now[name])]
        if elsewhere:
            lines = tuple(f"{name}: {_short(was[name])} → {_short(now[name])}" for name in elsewhere)
            yield Finding(Weight.WARNING, f"Takes {label}dependencies from elsewhere", lines)
        if plain := [name for name in changed if name not in elsewhere]:
            lines = tuple(f"{name}: {_short(was[name])} → {_short(now[name])}" for name in plain)
            yield Finding(Weight.NOTE, f"Other versions of {label}dependencies", lines)
        if removed:
            yield Finding(Weight.NOTE, f"Fewer {label}dependencies", _pairs(was, removed))
    bundled = sorted(set(_list(new, "bundleDependencies")) - set(_list(old, "bundleDependencies")))
    if bundled:
        yield Finding(Weight.WARNING, "Carries dependencies inside itself", tuple(map(_short, bundled)))


def _legal(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Finding]:
    for field, title in LEGAL.items():
        was, now = _text(old.get(field)), _text(new.get(field))
        if was != now:
            yield Finding(Weight.WARNING, title, (f"{_short(was) or 'none'} → {_short(now) or 'none'}",))
    was, now = _person(old.get("author")), _person(new.get("author"))
    if was != now:
        yield Finding(Weight.NOTE, "Names another author", (f"{_short(was) or 'nobody'} → {_short(now) or 'nobody'}",))


def _origin(before: Side, after: Side) -> Iterator[Finding]:
    if before.has_provenance and not after.has_provenance:
        yield Finding(Weight.WARNING, "Does not say where it was built, as the version before does")
    if before.publisher != after.publisher:
        line = f"{before.publisher or 'somebody who left'} → {after.publisher or 'somebody who left'}"
        yield Finding(Weight.WARNING, "Comes from somebody else than the version before", (line,))


def _growth(before: Side, after: Side) -> Iterator[Finding]:
    grown = after.unpacked_size - before.unpacked_size
    if grown > MUCH and after.unpacked_size > 2 * before.unpacked_size:
        line = f"{before.unpacked_size:,} → {after.unpacked_size:,} bytes unpacked"
        yield Finding(Weight.WARNING, "Is more than twice as large", (line,))
    if after.file_count > 2 * before.file_count and after.file_count - before.file_count > 20:
        line = f"{before.file_count:,} → {after.file_count:,} files"
        yield Finding(Weight.WARNING, "Has more than twice as many files", (line,))


def _demands(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Finding]:
    for field, label in DEMANDS.items():
        was, now = old.get(field) or None, new.get(field) or None
        if was != now:
            line = f"{_short(_spelled(was)) or 'any'} → {_short(_spelled(now)) or 'any'}"
            yield Finding(Weight.NOTE, f"Asks for other {label}", (line,))


def _moved(was: dict[str, str], now: dict[str, str]) -> tuple[list[str], list[str], list[str]]:
    both = was.keys() & now.keys()
    changed = sorted(name for name in both if was[name] != now[name])
    return sorted(now.keys() - was.keys()), sorted(was.keys() - now.keys()), changed


def _pairs(values: dict[str, str], names: list[str]) -> tuple[str, ...]:
    return tuple(f"{_short(name)}: {_short(values[name])}" for name in names)


def _is_range(text: str) -> bool:
    # A range or a tag; whatever has these is an address, a repository, a path, a file or another name.
    return not _ELSEWHERE.search(text)


def _texts(manifest: dict[str, Any], field: str) -> dict[str, str]:
    value = manifest.get(field)
    return {name: text for name, text in value.items() if isinstance(text, str)} if isinstance(value, dict) else {}


def _list(manifest: dict[str, Any], field: str) -> list[str]:
    value = manifest.get(field)
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    value = value.get("url") or value.get("type") if isinstance(value, dict) else value
    return value if isinstance(value, str) else ""


def _person(value: Any) -> str:
    value = value.get("name") if isinstance(value, dict) else value
    return value if isinstance(value, str) else ""


def _spelled(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {text}" for name, text in sorted(value.items()))
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")


def _short(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
