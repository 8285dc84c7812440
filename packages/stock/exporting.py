"""Writes a part of the mirror into one file, for machines without a network."""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import orjson

from packages import blobs
from packages.models import Mirror
from packages.stock import bundles, holdings
from packages.stock.bundles import Bundled, Part
from packages.stock.wanted import Wanted
from packages.upstream import mirroring, reading
from registry_site import spool
from registry_site.errors import Conflict, Invalid


class Written(NamedTuple):
    """What an export holds. left_out: versions whose tarball is here, and which upstream took away or that are held."""

    packages: int
    tarballs: int
    size: int
    left_out: list[str]


class _Tarball(NamedTuple):
    number: str
    size: int
    integrity: str
    blob: str


_Chosen = tuple[Bundled, list[_Tarball]]


def everything() -> dict[str, list[str]]:
    """The names and numbers of all mirrored tarballs."""
    found: dict[str, list[str]] = {}
    for name, number in holdings.tarballs().order_by("package__name", "pk").values_list("package__name", "number"):
        found.setdefault(name, []).append(number)
    return found


def chosen(asked: Wanted) -> dict[str, list[str]]:
    """The names and numbers that lockfiles ask for. Raises Conflict, with what is missing, unless all of it is here."""
    names = {name: [each.number for each in some] for name, some in asked.names.items()}
    lacking = [f"{name}@{number}" for name, numbers in names.items() for number in _lacking(name, numbers)]
    if lacking:
        more = f" and {len(lacking) - 20} more" if len(lacking) > 20 else ""
        raise Conflict(f"not here yet: {', '.join(lacking[:20])}{more}; run mirror_warm first")
    return names


def export(names: dict[str, list[str]], path: Path, progress: Callable[[], object] = lambda: None) -> Written:
    """Write these versions, and what upstream said of their packages, into a file; it is there whole or not at all.

    progress: called after each package. Raises Invalid when the file cannot be written, Conflict when nothing is asked,
    Unavailable when a tarball went away meanwhile.
    """
    if not names:
        raise Conflict("there is nothing to export")
    draft = path.with_name(f"{path.name}.part")
    left_out: list[str] = []
    # What upstream said may change while this runs: it is written down once, before the manifest that tells of it.
    with tempfile.TemporaryFile(dir=spool.place()) as told:
        packages = [found for name, numbers in names.items() if (found := _package(name, numbers, told, left_out))]
        told.seek(0)
        try:
            with draft.open("wb") as output:
                _write(output, packages, told, progress)
                output.flush()
                os.fsync(output.fileno())
            draft.replace(path)
        except OSError as error:
            raise Invalid(f"{path} cannot be written: {error.strerror}") from error
        finally:
            draft.unlink(missing_ok=True)
    tarballs = sum(len(rows) for _, rows in packages)
    return Written(len(packages), tarballs, path.stat().st_size, left_out)


def _package(name: str, numbers: list[str], spool: BinaryIO, left_out: list[str]) -> _Chosen | None:
    mirror = Mirror.objects.filter(name=name).exclude(source=b"").first()
    if mirror is None:
        left_out += [f"{name}@{number}" for number in numbers]
        return None
    document = mirroring.source(mirror)
    links = dict(mirror.versions.values_list("number", "tarball"))
    here = mirror.versions.exclude(version=None).filter(number__in=numbers)
    free = here.filter(quarantined_at=None, version__quarantined_at=None)
    columns = ("number", "version__size", "version__integrity", "version__blob")
    rows = map(_Tarball._make, free.order_by("pk").values_list(*columns))
    tarballs = {each.number: each for each in rows if each.number in document["versions"]}
    left_out += [f"{name}@{number}" for number in numbers if number not in tarballs]
    data = gzip.compress(orjson.dumps(_as_upstream_said(document, links)), 6, mtime=0)
    spool.write(data)
    packument = Part(len(data), hashlib.sha512(data).hexdigest())
    bundled = Bundled(name, mirror.upstream or "unknown", mirror.is_full, packument)
    bundled.tarballs = {each.number: Part(each.size, _hex(each.integrity)) for each in tarballs.values()}
    return bundled, list(tarballs.values())


def _as_upstream_said(document: dict[str, Any], links: dict[str, str]) -> dict[str, Any]:
    versions = {number: manifest for number, manifest in document["versions"].items() if number in links}
    for number, manifest in versions.items():
        manifest["dist"]["tarball"] = links[number]
    return document | {"versions": versions}


def _write(output: BinaryIO, packages: list[_Chosen], spool: BinaryIO, progress) -> None:
    writer = bundles.Writer(output, [bundled for bundled, _ in packages])
    for bundled, tarballs in packages:
        writer.add(bundled.packument, spool)
        for each in tarballs:
            with blobs.open_blob(each.blob, each.size) as source:
                writer.add(bundled.tarballs[each.number], source)
            progress()
    writer.close()


def _lacking(name: str, numbers: list[str]) -> list[str]:
    here = set(holdings.tarballs().filter(package__name=name).values_list("number", flat=True))
    return [number for number in numbers if number not in here]


def _hex(integrity: str) -> str:
    said = reading.digest_of(integrity)
    return said[1].hex() if said else ""
