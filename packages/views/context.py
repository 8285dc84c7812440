"""What every page of a package shows above its tabs."""

from __future__ import annotations

from typing import Any

from django.db.models import F, IntegerField, Subquery

from accounts.actor import Actor
from packages import access, advisories, collaborators, dependents, mirrored, quarantine, requirements
from packages.access import Action
from packages.mirrored import Shelf
from packages.models import Package, Version
from registry_site.errors import NotFound

# Tabs that say something about a package all of whose versions are in quarantine.
WITHOUT_CONTENT = frozenset({"versions", "access", "activity", "settings", "advisories"})
ABOUT_PEOPLE = frozenset({"access", "activity", "settings"})  # tabs where no version is looked at
MOST_COUNTED = 1_000  # dependents; that there are more is enough to know


def of_package(request, name: str, tab: str, number: str = "") -> tuple[Package, dict[str, Any]]:
    """The package as the viewer may see it, and what its head and tabs need.

    number: the version that is looked at, "" for the latest. Raises NotFound for a version it lacks, Quarantined for
    one in quarantine, and for all that shows content of a package that has no other.
    """
    package = access.find(request.actor, Action.VIEW, name)
    return package, about(request.actor, package, mirrored.shelf(request.actor, package), tab, number)


def about(actor: Actor, package: Package, shelf: Shelf | None, tab: str, number: str = "") -> dict[str, Any]:
    """As `of_package`, of a package that was found for the actor. shelf: of a mirrored one."""
    shown = shelf.version(number, is_bare=tab in WITHOUT_CONTENT) if shelf else _shown(package, number, tab)
    manifest = shown.manifest
    counts = _counts(actor, package)
    latest = shelf.latest if shelf else counts["latest_number"] or ""
    facts = {
        "package": package,
        "shelf": shelf,
        "version": shown,
        "manifest": manifest,
        "is_latest": shown.number == latest,
        "can": access.can(package),
        "insider": collaborators.may_see_people(package),
        "tab": tab,
        "dependency_count": sum(each.kind == "dependencies" for each in requirements.listed(manifest)),
        "most_counted": MOST_COUNTED,
    }
    if shelf is not None:
        counts["version_count"] = len(shelf.manifests)
    known = advisories.standing_of(package) if counts["advisory_count"] and tab not in ABOUT_PEOPLE else []
    known_of = {"advisories": known, "affected_by": advisories.touching(known, shown.number)}
    return facts | counts | known_of | {"latest_number": latest}


def version_of(package: Package, number: str, shelf: Shelf | None = None) -> Version:
    """A listed version by its number. shelf: of a mirrored package. Raises NotFound, Quarantined."""
    return shelf.version(number) if shelf else _shown(package, number, "")


class _Count(Subquery):
    """How many rows there are, as part of a larger question."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def _counts(actor: Actor, package: Package) -> dict[str, Any]:
    # One question for all of them, because every page of a package asks for them.
    counted = {
        "version_count": package.versions.listed().order_by(),
        "advisory_count": advisories.counted(package),
        "dependent_count": dependents.of(actor, package.name).order_by()[: MOST_COUNTED + 1],
    }
    if Action.PUBLISH in access.can(package):
        counted["waiting_count"] = package.staged.order_by()
    counts = {name: _Count(rows.values("pk")) for name, rows in counted.items()}
    return Package.objects.filter(pk=package.pk).values(latest_number=F("latest__number"), **counts).get()


def _shown(package: Package, number: str, tab: str) -> Version:
    versions = package.versions.listed().select_related("published_by")
    found = versions.filter(number=number).first() if number else versions.filter(pk=package.latest_id).first()
    if found is None and number:
        quarantine.require_free(package, number)
    elif found is None:
        found = package.versions.filter(unpublished_at=None).select_related("published_by").first()
        if found is not None and tab not in WITHOUT_CONTENT:
            raise quarantine.refusal(package, found.number, found.quarantine_reason)
    if found is None:
        raise NotFound(f"{package.name} has no version {number}")
    return found
