"""What of a package is to be brought in, what is here already, and what stays out because ours comes first."""

from __future__ import annotations

from dataclasses import dataclass, field

from accounts.models import AuditEvent
from packages import claims
from packages.models import Package, StagedVersion, Version
from packages.moving.homes import MARK
from packages.moving.sources import Found, Told
from packages.upstream.reading import digest_of
from registry_site.errors import Conflict, NotAllowed

CHANGE = "package.imported"


@dataclass
class Plan:
    """package: ours of this name, None for a new one. conflicts: versions that stay out, each with why."""

    package: Package | None
    wanted: list[Told] = field(default_factory=list)
    here: list[tuple[Told, Version]] = field(default_factory=list)
    conflicts: dict[str, str] = field(default_factory=dict)


def plan(found: Found) -> Plan:
    """Compare a package of the source with what is here.

    Raises Conflict, NotAllowed, Invalid when nothing of it can be taken, Unavailable when the upstream registry, which
    may have the name, does not say.
    """
    package = Package.objects.select_related("scope").filter(name=found.name.full).first()
    if package is not None and package.mirrored:
        if not found.name.scope:
            raise NotAllowed("it belongs to the upstream registry; what is mirrored need not move in")
        package = None  # it goes when its scope becomes somebody's here
    if package is None:
        claims.require_free(found.name)
        return Plan(None, list(found.versions))
    if package.unpublished_at is not None:
        raise Conflict("a package of this name was unpublished here; nothing is put in its place")
    made = Plan(package)
    moved = moved_in(package)
    versions = {each.folded: each for each in package.versions.defer("full", "abbreviated", "readme", "readme_html")}
    staged = set(StagedVersion.objects.filter(package=package).values_list("folded", flat=True))
    for told in found.versions:
        row = versions.get(told.number.lower())
        if row is not None and _is_it(told, row):
            made.here.append((told, row))
        elif row is not None:
            made.conflicts[told.number] = _why(told, row)
        elif told.number.lower() in staged:
            made.conflicts[told.number] = "its number is staged here"
        elif not moved:
            made.conflicts[told.number] = "the package here did not come from an import, and nothing is added to it"
        else:
            made.wanted.append(told)
    return made


def moved_in(package: Package) -> bool:
    """Whether an import made this package; to any other nothing is added."""
    return AuditEvent.objects.filter(package=package.name, action=CHANGE).exists()


def is_untouched(package: Package) -> bool:
    """Whether nobody changed a package since an import made it: then its tags and warnings are still the source's."""
    events = AuditEvent.objects.filter(package=package.name)
    return moved_in(package) and not events.exclude(request_id=MARK).exists()


def _is_it(told: Told, row: Version) -> bool:
    is_listed = row.unpublished_at is None and row.quarantined_at is None
    return is_listed and row.number == told.number and is_same(told, row.integrity, row.shasum)


def is_same(told: Told, integrity: str, shasum: str) -> bool:
    """Whether bytes with these digests can be those that the source tells of."""
    said, ours = digest_of(told.integrity), digest_of(integrity)
    if said is not None and ours is not None and said[0] == ours[0]:
        return said[1] == ours[1]
    if said is not None and said[0] == "sha1":
        return said[1].hex() == shasum
    return not told.shasum or told.shasum == shasum


def _why(told: Told, row: Version) -> str:
    if row.unpublished_at is not None or row.quarantined_at is not None:
        return "its number was used here, and was unpublished or put into quarantine"
    if row.number != told.number:
        return f"{row.number} is here, which differs in case only"
    return "it is here with other bytes, which stay"
