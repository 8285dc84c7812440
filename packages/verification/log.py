"""The audit log is as it was sealed, and every version of ours is in it, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator

from accounts import chain, proving
from accounts.models import AuditEvent
from packages import witness
from packages.models import Version
from packages.verification.wrong import Wrong

BATCH = 200
LOG = "the audit log"
ENTERED = ("version.published", "version.released", "package.imported")  # what lists a version, and no other event does
MEND = "manage.py verify_audit says more; nothing mends it, so compare it with an export or a backup"


def look(tell: Callable[[int], None]) -> Iterator[Wrong]:
    """No event was changed, removed, put in or moved since it was sealed, and the heads beside the ledger are its own.

    Raises OSError.
    """
    try:
        noted = list(witness.heads())
    except ValueError as error:
        yield Wrong(LOG, f"a head beside the ledger cannot be read: {error}", "look who else writes there")
        noted = []
    for broken in proving.look(proving.Report(), noted, tell):
        yield Wrong(LOG, broken.says, MEND)
    yield from _versions(tell)


def _versions(tell: Callable[[int], None]) -> Iterator[Wrong]:
    if chain.start().place:  # the first events were forgotten, as AUDIT_DAYS says
        return
    ours, last = Version.objects.filter(package__mirrored=False).order_by("pk"), 0
    columns, names, found = ("pk", "package__name", "number"), set[str](), Counter[tuple[str, str]]()
    while some := list(ours.filter(pk__gt=last).values_list(*columns)[:BATCH]):
        if names != (names := {name for _, name, _ in some}):  # some have many thousands of versions
            found = _entered(names)
        for _, name, number in some:
            if (times := found[name, number]) != 1:
                says = f"the audit log tells {times} times that it was published" if times else "no event tells of it"
                yield Wrong(f"{name}@{number}", says, "look who wrote into the database; an export may know more")
        tell(len(some))
        last = some[-1][0]


def _entered(names: Collection[str]) -> Counter[tuple[str, str]]:
    events = AuditEvent.objects.filter(package__in=names, action__in=ENTERED).order_by()
    return Counter(
        (package, number)
        for package, facts in events.values_list("package", "facts")
        for number in (facts.get("versions") or [facts.get("version")])
    )
