"""Fills a registry with what is measured; runs inside `manage.py shell` of the server that is to be measured."""

from __future__ import annotations

import random

from django.conf import settings

from accounts import people
from accounts.actor import Actor, operator
from packages import packuments, publishing
from packages.models import Package, Version
from packages.names import PackageName
from tests.tools import payloads

OWNER = "bench"
_CLONED = "package_id integrity shasum size unpacked_size file_count readme readme_filename published_by_id".split()


def fill(counts: list[int], sizes: dict[str, int]) -> None:
    """Packages `bench-COUNT` of so many versions, and `bench-SIZE` with a tarball of about so many bytes."""
    user = people.create(operator(), OWNER, f"{OWNER}@example.com", "correct horse battery")
    actor = Actor(user, credential="session")
    settings.SPOOL_DIR.mkdir(parents=True, exist_ok=True)
    needs = {f"dependency-{number}": f"^{number}.0.0" for number in range(12)}
    for count in counts:
        _publish(actor, f"bench-{count}", dependencies=needs)
        _clone(Package.objects.get(name=f"bench-{count}"), count)
    for word, size in sizes.items():
        noise = random.Random(1).randbytes(size // 2).hex()  # noqa: S311 - nothing secret; it must not pack well
        _publish(actor, f"bench-{word}", files={f"noise-{word}.txt": noise})


def _publish(actor: Actor, name: str, **more) -> None:
    publishing.publish(actor, payloads.upload(name, "1.0.0", settings.SPOOL_DIR, **more))


def _clone(package: Package, count: int) -> None:
    # As many publishes would take minutes; the rows are those that they would leave, but for the bytes.
    first = package.versions.get()
    manifest = {key: value for key, value in first.manifest.items() if key != "dist"}
    dist = {key: value for key, value in first.manifest["dist"].items() if key != "tarball"}
    rows = []
    for patch in range(1, count):
        number = f"1.0.{patch}"
        said = manifest | {"version": number, "_id": f"{package.name}@{number}"}
        full, short = packuments.version_parts(PackageName.parse(package.name), said, dist)
        parts = {"number": number, "folded": number, "full": full, "abbreviated": short}
        kept = {column: getattr(first, column) for column in _CLONED}
        rows.append(Version(blob=f"none-{package.pk}-{patch}", **parts, **kept))
    Version.objects.bulk_create(rows, batch_size=200)
    Package.objects.filter(pk=package.pk).update(revision=package.revision + 1)
