"""What every page of a package shows above its tabs."""

from __future__ import annotations

from typing import Any

from packages import access, sharing
from packages.access import Action
from packages.models import Package, Version
from registry_site.errors import NotFound

DEPENDENCY_KINDS = {
    "dependencies": "Dependencies",
    "peerDependencies": "Peer dependencies",
    "optionalDependencies": "Optional dependencies",
    "devDependencies": "Development dependencies",
}


def of_package(request, name: str, tab: str, number: str = "") -> tuple[Package, dict[str, Any]]:
    """The package as the viewer may see it, and what its head and tabs need.

    number: the version that is looked at, "" for the latest. Raises NotFound for a version it lacks.
    """
    package = access.find(request.actor, Action.VIEW, name)
    shown = _shown(package, number)
    manifest = shown.manifest
    return package, {
        "package": package,
        "version": shown,
        "manifest": manifest,
        "is_latest": shown.pk == package.latest_id,
        "can": access.can(package),
        "insider": sharing.may_see_people(package),
        "tab": tab,
        "version_count": package.versions.filter(unpublished_at=None).count(),
        "dependency_count": len(dependencies(manifest, "dependencies")),
    }


def dependencies(manifest: dict[str, Any], kind: str) -> dict[str, str]:
    """One kind of a manifest's dependencies; empty when the field is no object."""
    found = manifest.get(kind)
    return found if isinstance(found, dict) else {}


def _shown(package: Package, number: str) -> Version:
    versions = package.versions.filter(unpublished_at=None).select_related("published_by")
    found = versions.filter(number=number).first() if number else versions.filter(pk=package.latest_id).first()
    if found is None:
        raise NotFound(f"{package.name} has no version {number}")
    return found
