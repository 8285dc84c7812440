"""Numbers that were used after a backup was made stay used, and so do names."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from django.utils import timezone

from accounts.models import Scope
from packages import ledger
from packages.ledger import Entry
from packages.models import Access, Package, UsedNumber, Version

BATCH = 200


class Since:
    """What the ledger knows and the database does not: numbers as NAME@NUMBER, names and scopes that nobody has now."""

    def __init__(self) -> None:
        self.numbers: list[str] = []
        self.names: list[str] = []
        self.scopes: list[str] = []


Used = dict[str, dict[str, tuple[str, str]]]  # by name and folded number: the number, and its bytes' integrity


def used() -> Used:
    """What the ledger says. Raises OSError when it cannot be read."""
    return _as_used(ledger.entries())


def unknown(alias: str, entries: Used) -> list[str]:
    """Numbers of a database, as NAME@NUMBER, that the ledger does not know: it is another one, or not there."""
    rows = Version.objects.using(alias).filter(package__mirrored=False).order_by()
    found = rows.values_list("package__name", "folded", "number").iterator()
    return [f"{name}@{number}" for name, folded, number in found if folded not in entries.get(name, {})]


def keep_used(alias: str, entries: Used, since: Since) -> None:
    """Keep everybody from giving a number of the ledger to other bytes than it had; the same bytes may come again.

    Scopes that are not there are held by nobody from now on, and their names, and those without scope, belong to nobody
    until an operator hands them over: whoever is first must not get what was somebody else's.
    alias: a database that nobody uses meanwhile. entries: as `used` gave them. since: is filled.
    """
    names = iter(sorted(entries))
    while some := list(islice(names, BATCH)):
        _keep(alias, {name: entries[name] for name in some}, since)


def _as_used(entries: Iterator[Entry]) -> Used:
    found: Used = {}
    for name, number, integrity in entries:
        numbers = found.setdefault(name, {})
        _, before = numbers.get(number.lower(), ("", integrity))
        # Of two that wanted it at once, nobody knows here which one got it.
        numbers[number.lower()] = (number, integrity if before == integrity else "")
    return found


def _keep(alias: str, entries: Used, since: Since) -> None:
    known = Version.objects.using(alias).filter(package__name__in=list(entries), package__mirrored=False)
    there = set(known.order_by().values_list("package__name", "folded"))
    rows = []
    for name, numbers in entries.items():
        for folded, (number, integrity) in numbers.items():
            if (name, folded) not in there:
                rows.append(UsedNumber(name=name, folded=folded, integrity=integrity))
                since.numbers.append(f"{name}@{number}")
    UsedNumber.objects.using(alias).bulk_create(
        rows, update_conflicts=True, unique_fields=["name", "folded"], update_fields=["integrity"]
    )
    _hold_names(alias, {row.name for row in rows}, since)


def _hold_names(alias: str, names: set[str], since: Since) -> None:
    scope_of = {name: name[1:].partition("/")[0] for name in names if name.startswith("@")}
    there = set(Scope.objects.using(alias).filter(name__in=list(scope_of.values())).values_list("name", flat=True))
    lost = sorted(set(scope_of.values()) - there)
    # As those of people who deleted their accounts.
    Scope.objects.using(alias).bulk_create([Scope(name=scope, kind=Scope.Kind.USER) for scope in lost])
    held = {scope.name: scope for scope in Scope.objects.using(alias).filter(name__in=lost)}
    known = set(Package.objects.using(alias).filter(name__in=names).values_list("name", flat=True))
    now = timezone.now()
    rows = []
    for name in sorted(names - known):
        scope = scope_of.get(name)
        if scope is None or scope in held:  # else the scope has somebody who decides about its names
            access = Access.PUBLIC if scope is None else Access.RESTRICTED
            rows.append(Package(name=name, scope=held[scope] if scope else None, access=access, unpublished_at=now))
    Package.objects.using(alias).bulk_create(rows)
    since.scopes += lost
    since.names += [row.name for row in rows]
