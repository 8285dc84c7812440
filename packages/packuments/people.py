"""Who answers for packages, as packuments and pages name them."""

from __future__ import annotations

from collections.abc import Iterable

from accounts.names import NO_REPLY_DOMAIN
from packages.models import Package, Permission, PersonGrant


def maintainers(package: Package) -> list[dict[str, str]]:
    """Who answers for a package: the org, or the scope's user and everyone with read-write, or the owners."""
    return maintainers_of([package])[package.pk]


def maintainers_of(packages: Iterable[Package]) -> dict[int, list[dict[str, str]]]:
    """The maintainers of each package, by its id; one query for all of them."""
    listed = list(packages)
    granted: dict[int, list[str]] = {package.pk: [] for package in listed}
    rows = PersonGrant.objects.filter(package__in=[package.pk for package in listed if not package.in_org])
    rows = rows.exclude(permission=Permission.READ).order_by("created_at", "pk")
    for key, name in rows.values_list("package", "user__username"):
        granted[key].append(name)
    return {package.pk: _maintainers(package, granted[package.pk]) for package in listed}


def _maintainers(package: Package, granted: list[str]) -> list[dict[str, str]]:
    holder = package.scope is not None and (package.in_org or package.scope.user_id is not None)
    names = [package.scope.name, *granted] if holder else granted
    return [{"name": name, "email": f"{name}@{NO_REPLY_DOMAIN}"} for name in dict.fromkeys(names)]
