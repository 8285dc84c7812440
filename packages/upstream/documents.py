"""The bytes of a mirrored packument as clients get them: what upstream said, without what the rules hold back."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import nodesemver
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.actor import Actor
from packages import packuments, rules
from packages.listing import highest
from packages.models import Mirror, MirrorDocument, MirrorVersion, Package
from packages.packuments import ABBREVIATED, Packument, Ready, kept
from packages.rules import Effective, Hold
from packages.upstream import mirroring, reading, signing
from registry_site.errors import NotFound, Quarantined
from registry_site.prepared import PreparedQuery

FULL, SHORT = "full", "abbreviated"
_ABBREVIATED = [*ABBREVIATED, "deprecated"]
MOST_VIEWS = 32  # of one packument: forms, addresses and sets of rules


@dataclass(frozen=True)
class Served:
    """A packument for one actor. packument: None when the client has it already; note: for the Warning header."""

    packument: Packument | None
    note: str


def read(actor: Actor, package: Package, base: str, *, abbreviated: bool, compressed: bool, known: str = "") -> Served:
    """The packument of a mirrored package, fresh from upstream when it is due, under the rules that hold for an actor.

    package: as `mirroring.find` gave it. base: this registry's address as the client uses it.
    known: the client's If-None-Match. Raises NotFound, Unavailable, UpstreamFailed, and the refusal of a rule when it
    leaves nothing.
    """
    effective = rules.effective(actor)
    mirror = mirroring.refresh(package.name, full=not abbreviated or effective.needs_full)
    if mirror.package_id is None:
        raise NotFound(f"{package.name} is not upstream any more")
    form = SHORT if abbreviated else FULL
    key = (mirror.name, mirror.pk, mirror.revision, base, form, effective.fingerprint)
    ready = kept.of(key, lambda: _stored(mirror, base, form, effective) or _build(mirror, base, form, effective))
    note = _warning(mirror) if mirroring.is_stale(mirror) else ""
    return Served(packuments.answer(ready, compressed=compressed, known=known), note)


def manifest(actor: Actor, package: Package, spec: str, base: str) -> bytes:
    """The manifest of one version, by number or tag, as `GET /PKG/VERSION` gives it. Raises as `read`."""
    document = allowed(actor, package)
    number = document["dist-tags"].get(spec, spec)
    if number not in document["versions"]:
        require_free(actor, package, number)
        raise NotFound(f"version not found: {spec}")
    found = document["versions"][number]
    signing.sign_missing(package.name, number, found["dist"])
    return reading.written(found, base)


def allowed(actor: Actor, package: Package) -> dict[str, Any]:
    """The packument of a mirrored package as an actor may have it; links in it begin with BASE_MARK.

    Raises as `read`.
    """
    effective = rules.effective(actor)
    mirror = mirroring.refresh(package.name, full=effective.needs_full)
    if mirror.package_id is None:
        raise NotFound(f"{package.name} is not upstream any more")
    document, _ = _allowed(mirror, effective)
    return document


def require_free(actor: Actor, package: Package, number: str) -> MirrorVersion:
    """What upstream said of a version, when no rule holds it back.

    Raises the refusal of the rule, Quarantined, NotFound; Unavailable and UpstreamFailed when a rule asks for what only
    the whole packument says, and upstream does not give it.
    """
    effective = rules.effective(actor)
    row = _ROW.first(package.pk, number)
    if row is not None and effective.needs_full and not row.mirror.is_full:
        mirroring.refresh(package.name, full=True)  # a lockfile asks for tarballs, which took the short one along
        row = _ROW.first(package.pk, number)
    if row is None:
        raise NotFound(f"version not found: {number}")
    if row.quarantined_at is not None:
        raise Quarantined(
            f"{package.name}@{number} is in quarantine: {row.quarantine_reason}; "
            "install another version, or ask the operators of this registry"
        )
    held = effective.held(package.name, [row], timezone.now()).get(number)
    if held is not None:
        raise rules.refusal(package.name, number, held)
    return row


def _row(key: int, number: str) -> QuerySet[MirrorVersion]:
    texts = ("version__full", "version__abbreviated", "version__readme", "version__readme_html", "mirror__source")
    found = MirrorVersion.objects.select_related("mirror", "version").defer(*texts)
    return found.filter(mirror__package=key, number=number)


_ROW = PreparedQuery(_row, int, str)


def _warning(mirror: Mirror) -> str:
    since = f"this is from {mirror.checked_at:%d %b %Y %H:%M} UTC" if mirror.checked_at else "this was imported"
    return f'110 - "upstream does not answer; {since}"'


def _view(key: int, base: str, form: str, view: str, revision: int) -> QuerySet[MirrorDocument]:
    found = MirrorDocument.objects.filter(mirror=key, base=base, form=form, view=view, revision=revision)
    return found.only("etag", "valid_until", "body_gzip")


_VIEW = PreparedQuery(_view, int, str, str, str, int)


def _stored(mirror: Mirror, base: str, form: str, effective: Effective) -> Ready | None:
    found = _VIEW.first(mirror.pk, base, form, effective.fingerprint, mirror.revision)
    if found is None or (found.valid_until is not None and found.valid_until <= timezone.now()):
        return None
    return Ready(found.etag, bytes(found.body_gzip), found.valid_until)


def _build(mirror: Mirror, base: str, form: str, effective: Effective) -> Ready:
    document, until = _allowed(mirror, effective)
    if form == SHORT:
        document = _short(document)
    body = reading.written(signing.complete(mirror.name, document), base)
    made = MirrorDocument(
        mirror=mirror,
        base=base,
        form=form,
        view=effective.fingerprint,
        revision=mirror.revision,
        valid_until=until,
        etag=hashlib.blake2b(body, digest_size=16).hexdigest(),
        body_gzip=gzip.compress(body, 6, mtime=0),
    )
    with transaction.atomic():
        others = MirrorDocument.objects.filter(mirror=mirror)
        others.exclude(revision=mirror.revision).delete()
        surplus = others.order_by("-pk").values_list("pk", flat=True)[MOST_VIEWS - 1 :]
        MirrorDocument.objects.filter(pk__in=list(surplus)).delete()
        MirrorDocument.objects.bulk_create(
            [made],
            update_conflicts=True,
            unique_fields=["mirror", "base", "form", "view"],
            update_fields=["revision", "valid_until", "etag", "body_gzip"],
        )
    return Ready(made.etag, made.body_gzip, until)


def _allowed(mirror: Mirror, effective: Effective) -> tuple[dict[str, Any], datetime | None]:
    document = mirroring.source(mirror)
    if not effective.fingerprint and not _has_quarantine(mirror):
        return document, None
    rows = [row for row in mirror.versions.defer("signatures") if row.number in document["versions"]]
    held = effective.held(mirror.name, rows, timezone.now())
    quarantined = {row.number for row in rows if row.quarantined_at is not None}
    out = held.keys() | quarantined
    left = [row for row in rows if row.number not in out]
    if rows and not left and held:
        raise rules.nothing_left(mirror.name, held)
    document["versions"] = {number: each for number, each in document["versions"].items() if number not in out}
    if "time" in document:
        document["time"] = {word: moment for word, moment in document["time"].items() if word not in out}
    document["dist-tags"] = tags_left(document["dist-tags"], document["versions"], out)
    if held:
        document["policyRestrictions"] = rules.restrictions(mirror.name, held)  # npm tells it when nothing else matches
    return document, _until(held)


def tags_left(tags: dict[str, str], versions: dict[str, Any], out: set[str]) -> dict[str, str]:
    """The tags without those of versions that are out; `latest` moves back to one of the versions that are left."""
    kept = {tag: number for tag, number in tags.items() if number not in out}
    if "latest" not in kept and versions:
        kept["latest"] = _before(tags.get("latest", ""), versions)
    return kept


def _before(number: str, versions: dict[str, Any]) -> str:
    # Of the versions that are left, the highest that is no step forward, and that nobody is warned of.
    lower = [each for each in versions if not number or nodesemver.lte(each, number, loose=True)]
    fine = [each for each in lower if "deprecated" not in versions[each]]
    return highest(fine or lower or list(versions))


def _short(document: dict[str, Any]) -> dict[str, Any]:
    versions = {
        number: {key: each[key] for key in _ABBREVIATED if key in each} for number, each in document["versions"].items()
    }
    words = ("name", "modified", "dist-tags", "time", "policyRestrictions")
    kept = {key: document[key] for key in words if key in document}
    return kept | {"versions": versions}


def _until(held: dict[str, Hold]) -> datetime | None:
    return min((each.until for each in held.values() if each.until is not None), default=None)


def _has_quarantine(mirror: Mirror) -> bool:
    return mirror.versions.exclude(quarantined_at=None).exists()
