"""What happened lately with some packages, found by way of those that changed last.

Whoever belongs to thousands of packages hears of the newest changes; all of them are in the few packages that changed
last, so that neither the log nor the versions of the others are looked at.
"""

from __future__ import annotations

from django.db.models import Q, QuerySet

from accounts.models import AuditEvent
from packages.models import Package, Version

PACKAGES = 100  # more than are shown of anything, because a change that is not told also makes a package the newest


def changed(packages: QuerySet[Package]) -> dict[int, str]:
    """The names of those of these packages that changed last, by their ids."""
    return dict(packages.order_by("-modified_at", "name").values_list("pk", "name")[:PACKAGES])


def within(reach: Q) -> Q:
    """The same packages as one set of ids. reach: conditions one of which holds, as `reach.within_reach` gives them.

    PostgreSQL finds packages by one set; where several are joined by `or`, it looks at all packages instead.
    """
    sets = [Package.objects.filter(each).order_by().values("pk") for each in reach.children]
    return Q(pk__in=sets[0].union(*sets[1:]))


def events(packages: QuerySet[Package]) -> QuerySet[AuditEvent]:
    """What was done with those of these packages that changed last, newest first."""
    return events_of(changed(packages))


def events_of(found: dict[int, str]) -> QuerySet[AuditEvent]:
    """What was done with packages that `changed` gave, newest first."""
    return AuditEvent.objects.filter(package__in=list(found.values()))


def releases(packages: QuerySet[Package], most: int) -> QuerySet[Version]:
    """The newest listed versions of those of these packages that changed last; at most so many."""
    listed = Version.objects.listed().filter(package__in=list(changed(packages)))
    # Found by the index alone; only of those that are shown the long rows are read.
    keys = list(listed.order_by("-published_at", "-pk").values_list("pk", flat=True)[:most])
    return Version.objects.filter(pk__in=keys)
