"""A name has one source, and a package's scope is the one in its name."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from django.db.models import CharField, F, Q, Value
from django.db.models.functions import Concat

from packages.models import Package
from packages.upstream import ownership
from packages.verification.wrong import Wrong

BATCH = 200
RESTORE = "bring the database back from a backup (manage.py restore)"


def look() -> Iterator[Wrong]:
    """No mirrored package has a name that is ours, and every package of a scope has that scope's name."""
    mirrored = Package.objects.filter(mirrored=True).order_by("pk").values_list("name", flat=True).iterator()
    while some := list(islice(mirrored, BATCH)):
        for name in sorted(ownership.ours(some)):
            yield Wrong(name, "it is mirrored, and the name is ours", f"ask for it once, and it goes: npm view {name}")
    begins = Concat(Value("@"), F("scope__name"), Value("/"), output_field=CharField())
    ours = Package.objects.filter(mirrored=False).annotate(begins=begins)
    apart = Q(scope__isnull=False) & ~Q(name__startswith=F("begins")) | Q(scope=None, name__startswith="@")
    for name, scope in ours.filter(apart).values_list("name", "scope__name"):
        yield Wrong(name, f"it is kept under the scope @{scope}" if scope else "it is kept without a scope", RESTORE)
