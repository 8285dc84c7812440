"""Two versions side by side: their tarballs are read from the store, never unpacked, and compared."""

from __future__ import annotations

from dataclasses import dataclass, field

from packages import blobs, comparison, diffs, files, tarballs
from packages.comparison import FileChange, Finding, Side
from packages.models import StagedVersion, Version
from registry_site.errors import Invalid

MAX_UNPACKED = 256 * 1024 * 1024  # of both together; larger ones are for whoever downloads them
MAX_FILE = 128 * 1024  # bytes of a file that is shown line by line
MAX_FILES = 400  # that are named; the rest is counted


@dataclass(frozen=True)
class Shown:
    """A file that differs, and how."""

    change: FileChange
    diff: diffs.Diff


@dataclass(frozen=True)
class Review:
    """What differs between two versions.

    findings: the warnings first. files: package.json, then those that findings name, then the rest by path.
    total: of files that differ; more: of those that are not in `files`.
    unread: why the files were not compared, "" when they were.
    """

    findings: list[Finding]
    files: list[Shown] = field(default_factory=list)
    total: int = 0
    unread: str = ""

    @property
    def more(self) -> int:
        return self.total - len(self.files)

    @property
    def warnings(self) -> list[Finding]:
        return [each for each in self.findings if each.weight == comparison.Weight.WARNING]

    @property
    def notes(self) -> list[Finding]:
        return [each for each in self.findings if each.weight == comparison.Weight.NOTE]


def compare(before: Version | None, after: Version | StagedVersion) -> Review:
    """What `after` changes, published or staged, against a version of before; all of it is new where there is none.

    Raises Unavailable when the store does not give the bytes.
    """
    told = comparison.findings(_side(before) if before else None, _side(after))
    if after.unpacked_size + (before.unpacked_size if before else 0) > MAX_UNPACKED:
        return Review(told, unread="They are too large to be compared here; download them.")
    try:
        changes = comparison.files(_files(before), _files(after))
        shown = _most_wanted_first(changes, told)[:MAX_FILES]
        return Review(told, _with_lines(before, after, shown), len(changes))
    except Invalid as refusal:  # published when fewer tarballs were refused
        return Review(told, unread=f"The files cannot be compared: {refusal.message}")


def _most_wanted_first(changes: list[FileChange], told: list[Finding]) -> list[FileChange]:
    # What package.json runs, and then the rest.
    named = "\n".join(line for each in told for line in each.lines)
    return sorted(changes, key=lambda each: (each.path != "package.json", each.path not in named, each.path))


def _with_lines(before: Version | None, after: Version | StagedVersion, changes: list[FileChange]) -> list[Shown]:
    old = _read(before, [each.path for each in changes if each.before is not None])
    new = _read(after, [each.path for each in changes if each.after is not None])
    budget, shown = diffs.Budget(), []
    for change in changes:
        if max(change.before or 0, change.after or 0) > MAX_FILE:
            diff = diffs.Diff(note="too large to show")
        else:
            diff = diffs.between(old.get(change.path, b""), new.get(change.path, b""), budget)
        shown.append(Shown(change, diff))
    return shown


def _side(content: Version | StagedVersion) -> Side:
    return Side(
        manifest=content.manifest,
        unpacked_size=content.unpacked_size,
        file_count=content.file_count,
        publisher=content.published_by.username if content.published_by else content.workflow,
        has_provenance=_has_provenance(content),
    )


def _has_provenance(content: Version | StagedVersion) -> bool:
    return content.attestations.exists() if isinstance(content, Version) else bool(content.provenance)


def _files(content: Version | StagedVersion | None) -> dict[str, tarballs.File]:
    return files.listing(content) if content else {}


def _read(content: Version | StagedVersion | None, paths: list[str]) -> dict[str, bytes]:
    if content is None or not paths:
        return {}
    return tarballs.read(blobs.open_blob(content.blob, content.size), paths, most=MAX_FILE)
