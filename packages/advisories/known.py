"""The advisories that stand about a package, and the versions that they are about."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db.models import QuerySet

from accounts.actor import Actor
from packages import access, ranges
from packages.models import Advisory, MirrorVersion, Package, Severity

RANK = {severity: place for place, severity in enumerate(reversed(Severity.values))}  # the worst first
SHOWN = 200  # advisories of one package that are looked at; the worst have twenty


def affecting(actor: Actor, name: str, numbers: Iterable[str] | None = None) -> list[Advisory]:
    """What is known to be wrong with a package, of what the actor may see, the worst first.

    numbers: only what is wrong with one of these versions. A package that the actor may not see has no advisories.
    """
    package = access.visible_to(actor).filter(name=name).first()
    if package is None:
        return []
    found = standing_of(package)
    return found if numbers is None else [each for each in found if ranges.inside(each.range, numbers)]


def standing_of(package: Package) -> list[Advisory]:
    """The advisories that stand about a package, the worst first. package: one that the viewer may see. One query."""
    found = Advisory.objects.of(package).standing().defer("text", "html")[:SHOWN]
    return sorted(found, key=lambda each: RANK[each.severity])


def touching(advisories: Iterable[Advisory], number: str) -> list[Advisory]:
    """Those of some advisories that are about a version."""
    return [each for each in advisories if ranges.inside(each.range, [number])]


def numbers_in(advisories: Iterable[Advisory], numbers: Iterable[str]) -> set[str]:
    """Those of some versions that one of the advisories is about."""
    numbers = list(numbers)
    return {number for each in advisories for number in ranges.inside(each.range, numbers)}


def of_versions(package: Package, numbers: Iterable[str]) -> dict[str, list[Advisory]]:
    """The advisories about each of some versions, by its number; those without any are left out. One query."""
    numbers = list(numbers)
    found: dict[str, list[Advisory]] = {}
    for each in standing_of(package):
        for number in ranges.inside(each.range, numbers):
            found.setdefault(number, []).append(each)
    return found


def fixed_versions(
    name: str, numbers: Iterable[str] | None = None, *, among: Collection[str] | None = None
) -> dict[str, Advisory]:
    """The versions of a mirrored package that mend what an advisory says of those right below, by number.

    numbers: the versions there are; without them, all that upstream lists. among: only these are looked at. A version
    mends something when it is the first that is free of it, and nothing else is known against it: being younger than an
    old advisory is no merit.
    """
    said = list(Advisory.objects.standing().filter(package=None, name=name).defer("text", "html")[:SHOWN])
    if not said:
        return {}
    if numbers is None:
        listed = MirrorVersion.objects.filter(mirror__name=name, removed_at=None)
        numbers = listed.values_list("number", flat=True)
    return fixed_by(said, numbers, among=among)


def fixed_by(
    said: Iterable[Advisory], numbers: Iterable[str], *, among: Collection[str] | None = None
) -> dict[str, Advisory]:
    """As `fixed_versions`, of these advisories about one package, and these of its versions."""
    said, rising = list(said), ranges.ascending(numbers)
    steps = [step for step in zip(rising, rising[1:], strict=False) if among is None or step[1] in among]
    looked_at = {number for step in steps for number in step}
    inside = {each.pk: set(ranges.inside(each.range, looked_at)) for each in said}
    bad = set().union(*inside.values())
    found: dict[str, Advisory] = {}
    for each in said:
        for below, number in steps:
            if below in inside[each.pk] and number not in bad:
                found.setdefault(number, each)
    return found


def counted(package: Package) -> QuerySet[Advisory]:
    """The rows to count as a part of a larger question: the advisories that stand about a package."""
    return Advisory.objects.of(package).standing().order_by()
