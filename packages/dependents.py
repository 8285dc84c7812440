"""Who in this registry depends on a package: of every package, what its latest version asks for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet

from accounts.actor import Actor
from packages import access, requirements
from packages.models import Dependency, Package
from packages.requirements import KINDS


@dataclass(frozen=True)
class Dependent:
    """A package that depends on another: as what kinds, each with its range, the most serious first."""

    package: Package
    asks: list[Dependency]


def of(actor: Actor, name: str) -> QuerySet[Package]:
    """The packages that the actor may see and whose latest version asks for `name`, by name.

    name: of a package here or anywhere. Carries what `access.visible_to` carries.
    """
    asking = Dependency.objects.filter(name=name).values("package")
    return access.visible_to(actor).filter(pk__in=asking).order_by("name")


def with_ranges(packages: Iterable[Package], name: str) -> list[Dependent]:
    """These dependents of `name` with the ranges they ask for. One query for all of them."""
    listed = list(packages)
    asks: dict[int, list[Dependency]] = {package.pk: [] for package in listed}
    for row in Dependency.objects.filter(name=name, package__in=asks):
        asks[row.package_id].append(row)
    for rows in asks.values():
        rows.sort(key=lambda row: KINDS.index(row.kind))
    return [Dependent(package, asks[package.pk]) for package in listed]


def remember(package: Package) -> None:
    """Write down what the package's latest version asks for, instead of what was written before.

    For the transaction in which `latest` moves; a package without one asks for nothing.
    """
    Dependency.objects.filter(package=package).delete()
    if package.latest is not None:
        Dependency.objects.bulk_create(rows(package.pk, package.latest.manifest))


def rows(package_id: int, manifest: dict) -> list[Dependency]:
    """What a manifest asks for, as rows that are not saved; where one name is asked for twice, the first counts."""
    found: dict[tuple[str, str], Dependency] = {}
    for each in requirements.listed(manifest):
        if each.name:
            row = Dependency(package_id=package_id, kind=each.kind, name=each.name, range=each.range)
            found.setdefault((each.kind, each.name), row)
    return list(found.values())
